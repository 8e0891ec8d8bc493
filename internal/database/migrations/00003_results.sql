-- Results: only the engine writes them.
--
-- A result row carries a checksum of its own columns, and an attribution also hashes of the facts
-- that were decided. So a resync finds altered rows and changed facts in one pass over the tables,
-- without deciding anything. See 00006_resync for the functions.

-- Shards come first because an index of pair uses shard_of. There are sixteen: the rows of shard
-- and the mask in shard_of must agree, and nothing else contains the number. Code that needs it
-- counts the rows.
CREATE TABLE referral.shard (
    shard smallint PRIMARY KEY CHECK (shard >= 0)
);
COMMENT ON TABLE  referral.shard IS 'One row per shard of the change queue. A batch that locks a shard''s row decides its referees, and no other batch does.';
COMMENT ON COLUMN referral.shard.shard IS 'Number of the shard.';
INSERT INTO referral.shard SELECT generate_series(0, 15);

-- Everything in it is IMMUTABLE, so that Postgres inlines it: it runs in the triggers of each
-- writer. If another version of Postgres hashes differently, two batches may dequeue changes of one
-- referee at the same time after a restore; the keys of ledger and pair let only one of them
-- commit.
CREATE FUNCTION referral.shard_of(key text) RETURNS smallint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (hashtextextended(key COLLATE "C", 0) & 15)::smallint;
COMMENT ON FUNCTION referral.shard_of IS 'The shard of a referee, visitor, code, campaign or referrer.';

CREATE TABLE referral.attribution (
    user_id     text COLLATE "C" PRIMARY KEY,
    campaign    text COLLATE "C" NOT NULL,
    code        text COLLATE "C" NOT NULL,
    referrer_id text COLLATE "C" NOT NULL,
    label       text        NOT NULL DEFAULT '',
    touched_at  timestamptz NOT NULL,
    source      text        NOT NULL CHECK (source IN ('Code', 'Touch')),
    visitor_id  text COLLATE "C",
    touch_id    text COLLATE "C",
    resolved_at timestamptz NOT NULL DEFAULT now(),
    facts       bigint,
    via         bigint,
    pairs       integer,
    checksum    bigint
);
CREATE INDEX attribution_referrer  ON referral.attribution (referrer_id, user_id);
-- Attributions whose touch an erasure moved away.
CREATE INDEX attribution_forgotten ON referral.attribution (campaign, user_id) WHERE source = 'Touch' AND visitor_id IS NULL;
COMMENT ON TABLE  referral.attribution IS 'Result: the link, and so referrer and campaign, that a referee''s signup is attributed to.';
COMMENT ON COLUMN referral.attribution.user_id IS 'The referee.';
COMMENT ON COLUMN referral.attribution.campaign IS 'The link''s campaign.';
COMMENT ON COLUMN referral.attribution.code IS 'The link''s code.';
COMMENT ON COLUMN referral.attribution.referrer_id IS 'The link''s referrer.';
COMMENT ON COLUMN referral.attribution.label IS 'The link''s label when the signup was attributed; conditions use it.';
COMMENT ON COLUMN referral.attribution.touched_at IS 'When the touch was; for a typed code, the time of signup.';
COMMENT ON COLUMN referral.attribution.source IS 'Code: typed at signup. Touch: followed before it.';
COMMENT ON COLUMN referral.attribution.visitor_id IS 'Visitor of the touch; null for a typed code, and after an erasure.';
COMMENT ON COLUMN referral.attribution.touch_id IS 'The touch; null for a typed code, and after an erasure.';
COMMENT ON COLUMN referral.attribution.resolved_at IS 'When the attribution was decided.';
COMMENT ON COLUMN referral.attribution.facts IS 'Exclusive or of the hashes of the referee''s signup, purchases, refunds and overrides as they were decided; null: not known.';
COMMENT ON COLUMN referral.attribution.via IS 'Hash of the link of the typed code, else of the touch that decides; 0: there is none. Null once a pair was admitted, since the attribution is kept from then on.';
COMMENT ON COLUMN referral.attribution.pairs IS 'Number of the referee''s pairs; null: not known.';
COMMENT ON COLUMN referral.attribution.checksum IS 'checksum_of_attribution as the engine wrote it.';

CREATE TABLE referral.pair (
    user_id         text COLLATE "C" NOT NULL,
    purchase_id     text COLLATE "C" NOT NULL,
    campaign        text COLLATE "C" NOT NULL,
    referrer_id     text COLLATE "C" NOT NULL,
    revision        integer     NOT NULL,
    admission_order bigint      NOT NULL,
    ordinal         bigint,
    qualified_at    timestamptz NOT NULL,
    matures_at      timestamptz NOT NULL,
    state           text        NOT NULL CHECK (state IN ('Held', 'Granted', 'Waiting', 'Reversed')),
    reason          text        NOT NULL,
    decided_at      timestamptz NOT NULL DEFAULT now(),
    counted_at      timestamptz NOT NULL DEFAULT now(),
    allowed         boolean     NOT NULL DEFAULT false,
    postponed       boolean     NOT NULL DEFAULT false,
    credits         integer     NOT NULL DEFAULT -1,
    checksum        bigint,
    PRIMARY KEY (user_id, purchase_id)
);
-- Pairs whose hold ends: the earliest of each shard is found by one index lookup.
CREATE INDEX pair_due ON referral.pair (referral.shard_of(user_id), matures_at) WHERE state = 'Held' AND NOT postponed;
COMMENT ON TABLE  referral.pair IS 'Result: the decision about one referee''s signup with one purchase, once the purchase has counted.';
COMMENT ON COLUMN referral.pair.user_id IS 'The referee.';
COMMENT ON COLUMN referral.pair.purchase_id IS 'The purchase.';
COMMENT ON COLUMN referral.pair.campaign IS 'The campaign in which it counts.';
COMMENT ON COLUMN referral.pair.referrer_id IS 'The referrer.';
COMMENT ON COLUMN referral.pair.revision IS 'The revision of the campaign''s terms that it follows.';
COMMENT ON COLUMN referral.pair.admission_order IS 'The order in which pairs of the campaign are admitted; drawn when the pair begins to count.';
COMMENT ON COLUMN referral.pair.ordinal IS 'n, if it was admitted as its referrer''s n-th pair in the campaign; null: it was never admitted.';
COMMENT ON COLUMN referral.pair.qualified_at IS 'The later of signup and purchase.';
COMMENT ON COLUMN referral.pair.matures_at IS 'When its hold ends.';
COMMENT ON COLUMN referral.pair.state IS 'Held, Granted, Waiting (counts, but has no capacity) or Reversed.';
COMMENT ON COLUMN referral.pair.reason IS 'Why it is in that state.';
COMMENT ON COLUMN referral.pair.decided_at IS 'When that was decided.';
COMMENT ON COLUMN referral.pair.counted_at IS 'When it began to count and drew its admission order.';
COMMENT ON COLUMN referral.pair.allowed IS 'Whether an Allow was in force when it was admitted.';
COMMENT ON COLUMN referral.pair.postponed IS 'True while its referee is deferred, set aside or withheld: the end of its hold is not due then.';
COMMENT ON COLUMN referral.pair.credits IS 'Number of its credits; -1: not known.';
COMMENT ON COLUMN referral.pair.checksum IS 'checksum_of_pair as the engine wrote it.';

CREATE TABLE referral.credit (
    user_id        text COLLATE "C" NOT NULL,
    purchase_id    text COLLATE "C" NOT NULL,
    reward         text COLLATE "C" NOT NULL,
    campaign       text COLLATE "C" NOT NULL,
    beneficiary_id text COLLATE "C" NOT NULL,
    currency       text COLLATE "C" NOT NULL,
    amount         bigint NOT NULL CHECK (amount > 0),
    checksum       bigint,
    PRIMARY KEY (user_id, purchase_id, reward)
);
COMMENT ON TABLE  referral.credit IS 'Result: what a held or granted pair earns now.';
COMMENT ON COLUMN referral.credit.user_id IS 'The referee.';
COMMENT ON COLUMN referral.credit.purchase_id IS 'The purchase.';
COMMENT ON COLUMN referral.credit.reward IS 'Name of the reward in the policy.';
COMMENT ON COLUMN referral.credit.campaign IS 'The campaign.';
COMMENT ON COLUMN referral.credit.beneficiary_id IS 'The beneficiary: referrer or referee.';
COMMENT ON COLUMN referral.credit.currency IS 'ISO 4217.';
COMMENT ON COLUMN referral.credit.amount IS 'Minor units.';
COMMENT ON COLUMN referral.credit.checksum IS 'checksum_of_credit as the engine wrote it.';

CREATE TABLE referral.ledger (
    user_id        text COLLATE "C" NOT NULL,
    purchase_id    text COLLATE "C" NOT NULL,
    reward         text COLLATE "C" NOT NULL,
    seq            integer     NOT NULL CHECK (seq > 0),
    campaign       text COLLATE "C" NOT NULL,
    revision       integer     NOT NULL,
    beneficiary_id text COLLATE "C" NOT NULL,
    amount         bigint      NOT NULL CHECK (amount <> 0),
    currency       text COLLATE "C" NOT NULL,
    kind           text        NOT NULL CHECK (kind IN ('Grant', 'Reversal')),
    reason         text        NOT NULL,
    entered_at     timestamptz NOT NULL DEFAULT now(),
    entry_id       bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    checksum       bigint,
    PRIMARY KEY (user_id, purchase_id, reward, seq)
);
COMMENT ON TABLE  referral.ledger IS 'Result: every credit given and taken back. Append-only; the key makes a second grant impossible.';
COMMENT ON COLUMN referral.ledger.user_id IS 'The referee.';
COMMENT ON COLUMN referral.ledger.purchase_id IS 'The purchase.';
COMMENT ON COLUMN referral.ledger.reward IS 'Name of the reward in the policy.';
COMMENT ON COLUMN referral.ledger.seq IS 'Counts from 1 within the pair''s reward.';
COMMENT ON COLUMN referral.ledger.campaign IS 'The campaign.';
COMMENT ON COLUMN referral.ledger.revision IS 'The revision it was decided under.';
COMMENT ON COLUMN referral.ledger.beneficiary_id IS 'The beneficiary.';
COMMENT ON COLUMN referral.ledger.amount IS 'Minor units; above zero gives, below zero takes back.';
COMMENT ON COLUMN referral.ledger.currency IS 'ISO 4217.';
COMMENT ON COLUMN referral.ledger.kind IS 'Grant (above zero) or Reversal (below zero).';
COMMENT ON COLUMN referral.ledger.reason IS 'Why it was entered.';
COMMENT ON COLUMN referral.ledger.entered_at IS 'When it was entered.';
COMMENT ON COLUMN referral.ledger.entry_id IS 'Identifies the entry.';
-- Sums use every entry, whatever its checksum; only an entry that fits its checksum restores a lost
-- pair.
COMMENT ON COLUMN referral.ledger.checksum IS 'checksum_of_entry as the engine wrote it; null: the engine did not write the entry, and it restores no pair.';

-- An account has two rows: the engine writes one, and the triggers of adjustment and redemption
-- write the other. So an open transaction of a writer delays no batch, and no batch delays a
-- writer.
--
-- Amounts are in the range of bigint, but sums may leave it: they are numeric.
CREATE TABLE referral.engine_account (
    beneficiary_id text COLLATE "C" NOT NULL,
    currency       text COLLATE "C" NOT NULL,
    earned         numeric(38) NOT NULL DEFAULT 0,
    held           numeric(38) NOT NULL DEFAULT 0,
    PRIMARY KEY (beneficiary_id, currency)
) WITH (fillfactor = 80);
COMMENT ON TABLE  referral.engine_account IS 'Result: the engine''s sums per beneficiary and currency, written in the transactions that write ledger and credits. Writers never lock a row of it for longer than a statement.';
COMMENT ON COLUMN referral.engine_account.beneficiary_id IS 'The beneficiary.';
COMMENT ON COLUMN referral.engine_account.currency IS 'ISO 4217.';
COMMENT ON COLUMN referral.engine_account.earned IS 'Sum of ledger entries, minor units.';
COMMENT ON COLUMN referral.engine_account.held IS 'Sum of the credits of held pairs, minor units.';

CREATE TABLE referral.writer_account (
    beneficiary_id text COLLATE "C" NOT NULL,
    currency       text COLLATE "C" NOT NULL,
    adjusted       numeric(38) NOT NULL DEFAULT 0,
    redeemed       numeric(38) NOT NULL DEFAULT 0,
    PRIMARY KEY (beneficiary_id, currency)
) WITH (fillfactor = 80);
COMMENT ON TABLE  referral.writer_account IS 'The writers'' sums per beneficiary and currency, written by the triggers of adjustment and redemption in the writer''s own transaction. The engine never waits for a row of it.';
COMMENT ON COLUMN referral.writer_account.beneficiary_id IS 'The beneficiary.';
COMMENT ON COLUMN referral.writer_account.currency IS 'ISO 4217.';
COMMENT ON COLUMN referral.writer_account.adjusted IS 'Sum of adjustments, minor units; may be below zero.';
COMMENT ON COLUMN referral.writer_account.redeemed IS 'Sum of redemptions, minor units.';

-- It groups instead of joining, so that any condition on beneficiary_id, also a list, uses the keys
-- of both tables.
CREATE VIEW referral.balance AS
    SELECT beneficiary_id, currency, sum(available) AS available, sum(held) AS held
      FROM (SELECT beneficiary_id, currency, earned AS available, held FROM referral.engine_account
            UNION ALL
            SELECT beneficiary_id, currency, adjusted - redeemed, 0::numeric FROM referral.writer_account) AS account
     GROUP BY beneficiary_id, currency;
COMMENT ON VIEW   referral.balance IS 'Credit of each beneficiary in minor units: available now, and held until it matures.';
COMMENT ON COLUMN referral.balance.beneficiary_id IS 'The beneficiary.';
COMMENT ON COLUMN referral.balance.currency IS 'ISO 4217.';
COMMENT ON COLUMN referral.balance.available IS 'Earned and adjusted less redeemed, minor units; below zero if more was taken back than was available.';
COMMENT ON COLUMN referral.balance.held IS 'Credit that is granted when its hold ends, minor units.';

CREATE TABLE referral.set_aside (
    user_id  text COLLATE "C" PRIMARY KEY,
    cause    text        NOT NULL,
    since    timestamptz NOT NULL DEFAULT now(),
    attempts integer     NOT NULL DEFAULT 1
);
COMMENT ON TABLE  referral.set_aside IS 'Result: referees whose facts could not be decided. Tried again at the next change of their facts, at each resync, and by a new version.';
COMMENT ON COLUMN referral.set_aside.user_id IS 'The referee.';
COMMENT ON COLUMN referral.set_aside.cause IS 'Why it could not be decided.';
COMMENT ON COLUMN referral.set_aside.since IS 'First failure since it was last decided.';
COMMENT ON COLUMN referral.set_aside.attempts IS 'Failures since then.';
