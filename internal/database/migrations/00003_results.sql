-- Results: only the engine writes these.

CREATE TABLE referral.attribution (
    user_id     text COLLATE "C" PRIMARY KEY,
    campaign    text COLLATE "C" NOT NULL,
    code        text COLLATE "C" NOT NULL,
    referrer_id text COLLATE "C" NOT NULL,
    touched_at  timestamptz NOT NULL,
    source      text NOT NULL CHECK (source IN ('Code', 'Touch')),
    visitor_id  text COLLATE "C",
    touch_id    text COLLATE "C",
    resolved_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX attribution_referrer ON referral.attribution (referrer_id, user_id);
COMMENT ON TABLE  referral.attribution IS 'Result: the link, and so referrer and campaign, that a referee''s signup is bound to.';
COMMENT ON COLUMN referral.attribution.user_id IS 'The referee.';
COMMENT ON COLUMN referral.attribution.campaign IS 'The link''s campaign.';
COMMENT ON COLUMN referral.attribution.code IS 'The link''s code.';
COMMENT ON COLUMN referral.attribution.referrer_id IS 'The link''s referrer.';
COMMENT ON COLUMN referral.attribution.touched_at IS 'When the touch was; for a typed code, the time of signup.';
COMMENT ON COLUMN referral.attribution.source IS 'Code: typed at signup. Touch: followed before it.';
COMMENT ON COLUMN referral.attribution.visitor_id IS 'Visitor of the touch; null for a typed code.';
COMMENT ON COLUMN referral.attribution.touch_id IS 'The touch; null for a typed code.';
COMMENT ON COLUMN referral.attribution.resolved_at IS 'When this was found.';

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
    postponed       boolean     NOT NULL DEFAULT false,
    PRIMARY KEY (user_id, purchase_id)
);
COMMENT ON TABLE  referral.pair IS 'Result: what was decided about one referee''s signup with one purchase, once it has counted.';
COMMENT ON COLUMN referral.pair.user_id IS 'The referee.';
COMMENT ON COLUMN referral.pair.purchase_id IS 'The purchase.';
COMMENT ON COLUMN referral.pair.campaign IS 'The campaign it counts in.';
COMMENT ON COLUMN referral.pair.referrer_id IS 'Who invited.';
COMMENT ON COLUMN referral.pair.revision IS 'The revision of the campaign''s terms it follows.';
COMMENT ON COLUMN referral.pair.admission_order IS 'The order in which pairs of the campaign are admitted; drawn when the pair begins to count.';
COMMENT ON COLUMN referral.pair.ordinal IS 'The how-manieth admitted pair of its referrer in the campaign it was, at admission; null while it never was admitted.';
COMMENT ON COLUMN referral.pair.qualified_at IS 'The later of signup and purchase.';
COMMENT ON COLUMN referral.pair.matures_at IS 'When its hold ends.';
COMMENT ON COLUMN referral.pair.state IS 'Held, Granted, Waiting (counts, but there is no capacity) or Reversed.';
COMMENT ON COLUMN referral.pair.reason IS 'Why it is in that state.';
COMMENT ON COLUMN referral.pair.decided_at IS 'When that was decided.';
COMMENT ON COLUMN referral.pair.postponed IS 'True while its referee is deferred, set aside or withheld: the end of its hold is not due then.';

CREATE TABLE referral.credit (
    user_id        text COLLATE "C" NOT NULL,
    purchase_id    text COLLATE "C" NOT NULL,
    reward         text COLLATE "C" NOT NULL,
    campaign       text COLLATE "C" NOT NULL,
    beneficiary_id text COLLATE "C" NOT NULL,
    currency       text COLLATE "C" NOT NULL,
    amount         bigint NOT NULL CHECK (amount > 0),
    PRIMARY KEY (user_id, purchase_id, reward)
);
COMMENT ON TABLE  referral.credit IS 'Result: what a held or granted pair earns now.';
COMMENT ON COLUMN referral.credit.user_id IS 'The referee.';
COMMENT ON COLUMN referral.credit.purchase_id IS 'The purchase.';
COMMENT ON COLUMN referral.credit.reward IS 'Name of the reward in the policy.';
COMMENT ON COLUMN referral.credit.campaign IS 'The campaign.';
COMMENT ON COLUMN referral.credit.beneficiary_id IS 'Who gets it.';
COMMENT ON COLUMN referral.credit.currency IS 'ISO 4217.';
COMMENT ON COLUMN referral.credit.amount IS 'Minor units.';

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
    PRIMARY KEY (user_id, purchase_id, reward, seq)
);
COMMENT ON TABLE  referral.ledger IS 'Result: every credit given and taken back. Append-only; the key makes a second grant impossible.';
COMMENT ON COLUMN referral.ledger.user_id IS 'The referee.';
COMMENT ON COLUMN referral.ledger.purchase_id IS 'The purchase.';
COMMENT ON COLUMN referral.ledger.reward IS 'Name of the reward in the policy.';
COMMENT ON COLUMN referral.ledger.seq IS 'Counts from 1 within the pair''s reward.';
COMMENT ON COLUMN referral.ledger.campaign IS 'The campaign.';
COMMENT ON COLUMN referral.ledger.revision IS 'The revision it was decided under.';
COMMENT ON COLUMN referral.ledger.beneficiary_id IS 'Whose credit.';
COMMENT ON COLUMN referral.ledger.amount IS 'Minor units; above zero gives, below zero takes back.';
COMMENT ON COLUMN referral.ledger.currency IS 'ISO 4217.';
COMMENT ON COLUMN referral.ledger.kind IS 'Grant (above zero) or Reversal (below zero).';
COMMENT ON COLUMN referral.ledger.reason IS 'Why.';
COMMENT ON COLUMN referral.ledger.entered_at IS 'When.';
COMMENT ON COLUMN referral.ledger.entry_id IS 'Tells one entry from all others.';

-- An account has two rows that no transaction of the engine and of a writer both
-- lock: one that the engine keeps, and one that the triggers of adjustment and
-- redemption keep. So an open transaction of a writer delays no batch, and no
-- batch delays a writer.
--
-- Sums may leave the range of bigint although no amount does, hence numeric.
CREATE TABLE referral.engine_account (
    beneficiary_id text COLLATE "C" NOT NULL,
    currency       text COLLATE "C" NOT NULL,
    earned         numeric(38) NOT NULL DEFAULT 0,
    held           numeric(38) NOT NULL DEFAULT 0,
    PRIMARY KEY (beneficiary_id, currency)
) WITH (fillfactor = 80);
COMMENT ON TABLE  referral.engine_account IS 'Result: what the engine keeps of each beneficiary and currency, in the transactions that write ledger and credits. Writers never lock a row of it for longer than a statement.';
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
COMMENT ON TABLE  referral.writer_account IS 'What the triggers of adjustment and redemption keep of each beneficiary and currency, in the writer''s own transaction. The engine never waits for a row of it.';
COMMENT ON COLUMN referral.writer_account.beneficiary_id IS 'The beneficiary.';
COMMENT ON COLUMN referral.writer_account.currency IS 'ISO 4217.';
COMMENT ON COLUMN referral.writer_account.adjusted IS 'Sum of adjustments, minor units; may be below zero.';
COMMENT ON COLUMN referral.writer_account.redeemed IS 'Sum of redemptions, minor units.';

-- Grouped rather than joined, so that any condition on beneficiary_id, a list of
-- them too, is looked up in the keys of both tables.
CREATE VIEW referral.balance AS
    SELECT beneficiary_id, currency, sum(available) AS available, sum(held) AS held
      FROM (SELECT beneficiary_id, currency, earned AS available, held FROM referral.engine_account
            UNION ALL
            SELECT beneficiary_id, currency, adjusted - redeemed, 0::numeric FROM referral.writer_account) AS account
     GROUP BY beneficiary_id, currency;
COMMENT ON VIEW   referral.balance IS 'What each beneficiary has, in minor units: available now, and held until it matures.';
COMMENT ON COLUMN referral.balance.beneficiary_id IS 'The beneficiary.';
COMMENT ON COLUMN referral.balance.currency IS 'ISO 4217.';
COMMENT ON COLUMN referral.balance.available IS 'Earned and adjusted less redeemed, minor units; below zero when more was taken back than was left.';
COMMENT ON COLUMN referral.balance.held IS 'Minor units that are granted when their hold ends.';

CREATE TABLE referral.set_aside (
    user_id  text COLLATE "C" PRIMARY KEY,
    cause    text        NOT NULL,
    since    timestamptz NOT NULL DEFAULT now(),
    attempts integer     NOT NULL DEFAULT 1
);
COMMENT ON TABLE  referral.set_aside IS 'Result: referees whose facts could not be decided. Tried again when a fact of theirs changes.';
COMMENT ON COLUMN referral.set_aside.user_id IS 'The referee.';
COMMENT ON COLUMN referral.set_aside.cause IS 'What went wrong.';
COMMENT ON COLUMN referral.set_aside.since IS 'First failure since it last could be decided.';
COMMENT ON COLUMN referral.set_aside.attempts IS 'Failures since then.';
