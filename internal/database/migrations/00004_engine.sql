-- The engine's own: what is to be decided, who decides it, and counters that
-- make reading status cost the same whatever the past.

CREATE SEQUENCE referral.admission_order;
COMMENT ON SEQUENCE referral.admission_order IS 'Where pairs draw their admission order from.';

-- There are sixteen shards. Their rows and shard_of say so together, and nothing
-- else does: whatever has to know how many there are counts the rows.
CREATE TABLE referral.shard (
    shard smallint PRIMARY KEY CHECK (shard >= 0)
);
COMMENT ON TABLE  referral.shard IS 'Rows to lock: a batch that holds a shard''s row decides about its referees, and no other batch does.';
COMMENT ON COLUMN referral.shard.shard IS 'Number of the shard.';
INSERT INTO referral.shard SELECT generate_series(0, 15);

-- Everything in it is IMMUTABLE, so that Postgres puts it in place of the call:
-- it runs in each writer's trigger. Should another version hash differently, a
-- restored change may be taken beside another of the same referee, and the keys
-- of ledger and pair let only one of them commit.
CREATE FUNCTION referral.shard_of(key text) RETURNS smallint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (hashtextextended(key COLLATE "C", 0) & 15)::smallint;
COMMENT ON FUNCTION referral.shard_of IS 'The shard of a referee, visitor, code, campaign or referrer.';

-- Pairs whose hold ends: one probe per shard finds the earliest.
CREATE INDEX pair_due ON referral.pair (referral.shard_of(user_id), matures_at) WHERE state = 'Held' AND NOT postponed;

CREATE TABLE referral.change (
    shard        smallint    NOT NULL,
    id           bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    kind         text COLLATE "C" NOT NULL,
    key          text COLLATE "C" NOT NULL,
    resume_after text COLLATE "C" NOT NULL DEFAULT '',
    noted_at     timestamptz NOT NULL DEFAULT now(),
    xid          xid8        NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (shard, xid, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX change_key ON referral.change (shard, key, kind);
COMMENT ON TABLE  referral.change IS 'What changed and has not been decided yet. Written by triggers in the writer''s own transaction.';
COMMENT ON COLUMN referral.change.shard IS 'shard_of(key).';
COMMENT ON COLUMN referral.change.id IS 'Order of noting.';
COMMENT ON COLUMN referral.change.kind IS 'What the key names. Only referees are decided; the others are expanded into the referees they reach.';
COMMENT ON COLUMN referral.change.key IS 'A user_id, visitor_id, code (as normal_code writes it), campaign or referrer_id.';
COMMENT ON COLUMN referral.change.resume_after IS 'How far an expansion has come; empty: not begun.';
COMMENT ON COLUMN referral.change.noted_at IS 'When it was noted.';
COMMENT ON COLUMN referral.change.xid IS 'The transaction that noted it. A snapshot tells which transactions can still add changes in front of others.';

-- The oldest change of a shard, given what an earlier look at the queue has found:
-- that all changes were at (from_xid, from_id) or behind, or were written by
-- transactions in progress at the snapshot "seen". Removed changes in front stay in
-- the index for as long as any older transaction is open, and are passed by.
-- Its body is read here and not where it is called, since the poll has no
-- search_path of its own.
CREATE FUNCTION referral.oldest_change(of_shard smallint, from_xid xid8, from_id bigint, seen pg_snapshot)
    RETURNS TABLE (xid xid8, id bigint) LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT oldest.xid, oldest.id
      FROM ((SELECT c.xid, c.id
               FROM pg_snapshot_xip(seen) AS late(xid)
              CROSS JOIN LATERAL (SELECT change.xid, change.id
                                    FROM referral.change
                                   WHERE change.shard = of_shard AND change.xid = late.xid
                                   ORDER BY change.xid, change.id
                                   LIMIT 1) AS c
              WHERE late.xid < from_xid
              ORDER BY c.xid
              LIMIT 1)
            UNION ALL
            (SELECT c.xid, c.id
               FROM referral.change AS c
              WHERE c.shard = of_shard AND (c.xid, c.id) >= (from_xid, from_id)
              ORDER BY c.xid, c.id
              LIMIT 1)) AS oldest
     ORDER BY oldest.xid
     LIMIT 1;
END;
COMMENT ON FUNCTION referral.oldest_change IS 'The first change of a shard''s queue, found from where an earlier look ended.';

CREATE TABLE referral.deferred (
    campaign text COLLATE "C" NOT NULL,
    user_id  text COLLATE "C" NOT NULL,
    PRIMARY KEY (campaign, user_id)
);
COMMENT ON TABLE  referral.deferred IS 'Referees with something left to decide once their campaign is open again.';
COMMENT ON COLUMN referral.deferred.campaign IS 'The campaign that is suspended or closed.';
COMMENT ON COLUMN referral.deferred.user_id IS 'The referee.';

CREATE TABLE referral.referrer (
    campaign    text COLLATE "C" NOT NULL,
    referrer_id text COLLATE "C" NOT NULL,
    pairs       bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (campaign, referrer_id)
) WITH (fillfactor = 80);
COMMENT ON TABLE  referral.referrer IS 'Counters per campaign and referrer.';
COMMENT ON COLUMN referral.referrer.campaign IS 'The campaign.';
COMMENT ON COLUMN referral.referrer.referrer_id IS 'The referrer.';
COMMENT ON COLUMN referral.referrer.pairs IS 'Pairs that are held or granted.';

CREATE TABLE referral.pair_count (
    campaign          text COLLATE "C" NOT NULL,
    shard             smallint    NOT NULL,
    awaiting_purchase bigint      NOT NULL DEFAULT 0,
    waiting           bigint      NOT NULL DEFAULT 0,
    held              bigint      NOT NULL DEFAULT 0,
    granted           bigint      NOT NULL DEFAULT 0,
    reversed          bigint      NOT NULL DEFAULT 0,
    changed_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (campaign, shard)
) WITH (fillfactor = 50);
COMMENT ON TABLE  referral.pair_count IS 'Counters per campaign, in as many rows as there are shards so that workers do not wait for each other. Add them up.';
COMMENT ON COLUMN referral.pair_count.campaign IS 'The campaign.';
COMMENT ON COLUMN referral.pair_count.shard IS 'A shard the writing batch holds; says nothing about the referees counted.';
COMMENT ON COLUMN referral.pair_count.awaiting_purchase IS 'Attributed signups without a pair.';
COMMENT ON COLUMN referral.pair_count.waiting IS 'Pairs on the waitlist that are not admitted.';
COMMENT ON COLUMN referral.pair_count.held IS 'Pairs that are held.';
COMMENT ON COLUMN referral.pair_count.granted IS 'Pairs that are granted.';
COMMENT ON COLUMN referral.pair_count.reversed IS 'Pairs that are reversed.';
COMMENT ON COLUMN referral.pair_count.changed_at IS 'When the engine last changed something.';

CREATE TABLE referral.credit_count (
    campaign text COLLATE "C" NOT NULL,
    shard    smallint    NOT NULL,
    currency text COLLATE "C" NOT NULL,
    granted  numeric(38) NOT NULL DEFAULT 0,
    held     numeric(38) NOT NULL DEFAULT 0,
    reversed numeric(38) NOT NULL DEFAULT 0,
    PRIMARY KEY (campaign, shard, currency)
) WITH (fillfactor = 50);
COMMENT ON TABLE  referral.credit_count IS 'Sums per campaign and currency, in as many rows as there are shards. Add them up.';
COMMENT ON COLUMN referral.credit_count.campaign IS 'The campaign.';
COMMENT ON COLUMN referral.credit_count.shard IS 'A shard the writing batch holds; says nothing about the referees counted.';
COMMENT ON COLUMN referral.credit_count.currency IS 'ISO 4217.';
COMMENT ON COLUMN referral.credit_count.granted IS 'Net sum of ledger entries, minor units.';
COMMENT ON COLUMN referral.credit_count.held IS 'Sum of the credits of held pairs, minor units.';
COMMENT ON COLUMN referral.credit_count.reversed IS 'Sum of what reversal entries took back, minor units, above zero.';

-- Campaigns that take back all they gave. A walk over all keys, each in its
-- order, finds what was given by rows; no counter decides that it is over.
CREATE TABLE referral.reversal (
    campaign        text COLLATE "C" PRIMARY KEY,
    resume_user     text COLLATE "C" NOT NULL DEFAULT '',
    resume_purchase text COLLATE "C" NOT NULL DEFAULT '',
    done            boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE  referral.reversal IS 'How far the engine has come with taking back what a campaign gave: one row for each campaign that was reversed since it was last declared.';
COMMENT ON COLUMN referral.reversal.campaign IS 'The campaign.';
COMMENT ON COLUMN referral.reversal.resume_user IS 'user_id of the last key that was reversed.';
COMMENT ON COLUMN referral.reversal.resume_purchase IS 'purchase_id of that key.';
COMMENT ON COLUMN referral.reversal.done IS 'True: nothing is left.';
