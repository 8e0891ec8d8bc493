-- What the engine works with: the change queue, the waitlist, counters that make reading status
-- cost the same whatever the past, and the progress of walks over many rows.

CREATE SEQUENCE referral.admission_order;
COMMENT ON SEQUENCE referral.admission_order IS 'Pairs draw their admission order from it.';

CREATE TABLE referral.change (
    shard        smallint    NOT NULL,
    id           bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    kind         text COLLATE "C" NOT NULL,
    key          text COLLATE "C" NOT NULL,
    stage        text COLLATE "C" NOT NULL DEFAULT '',
    resume_after text COLLATE "C" NOT NULL DEFAULT '',
    enqueued_at  timestamptz NOT NULL DEFAULT now(),
    xid          xid8        NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (shard, xid, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0);
-- The shard follows from the key and is left out, so that the planner does not choose this index to
-- find the beginning of a shard's queue.
CREATE INDEX change_key ON referral.change (key, kind);
COMMENT ON TABLE  referral.change IS 'The change queue: keys that must be decided again. Triggers write it in the writer''s own transaction.';
COMMENT ON COLUMN referral.change.shard IS 'shard_of(key).';
COMMENT ON COLUMN referral.change.id IS 'Order of enqueuing within a transaction.';
COMMENT ON COLUMN referral.change.kind IS 'What the key names. Only referees are decided; other kinds are expanded into the referees they reach.';
COMMENT ON COLUMN referral.change.key IS 'A user_id, visitor_id, code (as normal_code writes it), campaign or referrer_id.';
COMMENT ON COLUMN referral.change.stage IS 'What an expansion of several stages goes through: of a campaign Deferred referees, then Links, then Fixed attributions; of a code Signups, then Visitors. Empty: not begun, or there is one stage.';
COMMENT ON COLUMN referral.change.resume_after IS 'The last key that the stage of an expansion has reached; empty: none.';
COMMENT ON COLUMN referral.change.enqueued_at IS 'When it was enqueued.';
COMMENT ON COLUMN referral.change.xid IS 'The transaction that enqueued it. A snapshot contains the transactions that can still add changes in front of others.';

-- The oldest change of a shard. An earlier call found that all changes are at (from_xid, from_id)
-- or behind, or are of transactions that were in progress in the snapshot "seen"; nulls: nothing is
-- known. Removed changes stay in the index as long as an older transaction is open; starting at
-- (from_xid, from_id) skips them. BEGIN ATOMIC resolves all names now: the poll that calls it sets
-- no search_path.
CREATE FUNCTION referral.oldest_change(of_shard smallint, from_xid xid8, from_id bigint, seen pg_snapshot)
    RETURNS TABLE (xid xid8, id bigint) LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT oldest.xid, oldest.id
      FROM ((SELECT c.xid, c.id
               FROM pg_snapshot_xip(coalesce(seen, '1:1:')) AS late(xid)
              CROSS JOIN LATERAL (SELECT change.xid, change.id
                                    FROM referral.change
                                   WHERE change.shard = of_shard AND change.xid = late.xid
                                   ORDER BY change.xid, change.id
                                   LIMIT 1) AS c
              WHERE late.xid < coalesce(from_xid, '0')
              ORDER BY c.xid
              LIMIT 1)
            UNION ALL
            (SELECT c.xid, c.id
               FROM referral.change AS c
              WHERE c.shard = of_shard AND (c.xid, c.id) >= (coalesce(from_xid, '0'), coalesce(from_id, 0))
              ORDER BY c.xid, c.id
              LIMIT 1)) AS oldest
     ORDER BY oldest.xid
     LIMIT 1;
END;
COMMENT ON FUNCTION referral.oldest_change IS 'The oldest change of a shard, searched from where an earlier call ended.';

CREATE TABLE referral.deferred (
    campaign text COLLATE "C" NOT NULL,
    user_id  text COLLATE "C" NOT NULL,
    PRIMARY KEY (campaign, user_id)
);
COMMENT ON TABLE  referral.deferred IS 'Referees that are decided again once their campaign is open again.';
COMMENT ON COLUMN referral.deferred.campaign IS 'The campaign: suspended, closed or without its policy.';
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

-- The waitlist. Only batches that lock the campaign's row write to it. Beside the admission order,
-- a row contains only what follows from the pair's own facts and revision. That finds the waiting
-- pairs that could fit; it never decides that a pair is admitted. A row of an older edit is always
-- a candidate.
CREATE TABLE referral.waitlist (
    user_id         text COLLATE "C" NOT NULL,
    purchase_id     text COLLATE "C" NOT NULL,
    campaign        text COLLATE "C" NOT NULL,
    referrer_id     text COLLATE "C" NOT NULL,
    admission_order bigint   NOT NULL,
    growing         boolean  NOT NULL,
    least_need      bigint   NOT NULL CHECK (least_need >= 0),
    tier_starts     bigint[],
    tier_needs      bigint[],
    edit            bigint   NOT NULL,
    passed_over     boolean  NOT NULL DEFAULT false,
    checksum        bigint   NOT NULL,
    PRIMARY KEY (user_id, purchase_id),
    CHECK (cardinality(tier_starts) = cardinality(tier_needs) AND (tier_starts IS NULL) = (tier_needs IS NULL))
);
CREATE INDEX waitlist_order         ON referral.waitlist (campaign, admission_order);
CREATE INDEX waitlist_edit          ON referral.waitlist (campaign, edit, admission_order)        WHERE NOT passed_over;
CREATE INDEX waitlist_need          ON referral.waitlist (campaign, growing, least_need)          WHERE NOT passed_over;
CREATE INDEX waitlist_referrer_need ON referral.waitlist (campaign, referrer_id, least_need)      WHERE NOT passed_over AND NOT growing;
CREATE INDEX waitlist_referrer_order ON referral.waitlist (campaign, referrer_id, admission_order) WHERE NOT passed_over AND NOT growing;
COMMENT ON TABLE  referral.waitlist IS 'Pairs that wait for capacity of their campaign: Waiting ones, and admitted ones that would earn more.';
COMMENT ON COLUMN referral.waitlist.user_id IS 'The referee.';
COMMENT ON COLUMN referral.waitlist.purchase_id IS 'The purchase.';
COMMENT ON COLUMN referral.waitlist.campaign IS 'The campaign.';
COMMENT ON COLUMN referral.waitlist.referrer_id IS 'The referrer.';
COMMENT ON COLUMN referral.waitlist.admission_order IS 'pair.admission_order.';
COMMENT ON COLUMN referral.waitlist.growing IS 'True: the pair is admitted and waits for the budget to earn more.';
COMMENT ON COLUMN referral.waitlist.least_need IS 'The least of the budget that it could need, over all tiers, minor units.';
COMMENT ON COLUMN referral.waitlist.tier_starts IS 'Ascending; null: its need does not depend on how many pairs its referrer has.';
COMMENT ON COLUMN referral.waitlist.tier_needs IS 'What it needs as its referrer''s n-th pair, for n from the element of tier_starts at the same position on, minor units.';
COMMENT ON COLUMN referral.waitlist.edit IS 'campaign.edit under which it was decided.';
COMMENT ON COLUMN referral.waitlist.passed_over IS 'True while its referee is set aside or withheld: it keeps its order, and others are admitted before it.';
COMMENT ON COLUMN referral.waitlist.checksum IS 'checksum_of_waiting as the engine wrote it.';

CREATE TABLE referral.waitlist_referrer (
    campaign    text COLLATE "C" NOT NULL,
    referrer_id text COLLATE "C" NOT NULL,
    admitted    bigint NOT NULL,
    least_need  bigint NOT NULL,
    PRIMARY KEY (campaign, referrer_id)
);
CREATE INDEX waitlist_referrer_admitted ON referral.waitlist_referrer (campaign, admitted, least_need);
COMMENT ON TABLE  referral.waitlist_referrer IS 'One row per referrer with Waiting pairs on the waitlist that are not passed over. Written with them.';
COMMENT ON COLUMN referral.waitlist_referrer.campaign IS 'The campaign.';
COMMENT ON COLUMN referral.waitlist_referrer.referrer_id IS 'The referrer.';
COMMENT ON COLUMN referral.waitlist_referrer.admitted IS 'referrer.pairs.';
COMMENT ON COLUMN referral.waitlist_referrer.least_need IS 'The lowest waitlist.least_need of these pairs.';

-- Transactions that change limits or pairs of a campaign write rows, under the lock of the
-- campaign's row. The allocation batch that serves them removes them under the same lock.
CREATE TABLE referral.allocation_request (
    id       bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    campaign text COLLATE "C" NOT NULL
);
CREATE INDEX allocation_request_campaign ON referral.allocation_request (campaign, id);
COMMENT ON TABLE  referral.allocation_request IS 'Requests for an allocation batch: the campaign''s capacity is given to its waitlist.';
COMMENT ON COLUMN referral.allocation_request.id IS 'Order of the requests.';
COMMENT ON COLUMN referral.allocation_request.campaign IS 'The campaign.';

CREATE TABLE referral.pair_count (
    campaign          text COLLATE "C" NOT NULL,
    shard             smallint    NOT NULL,
    awaiting_purchase bigint      NOT NULL DEFAULT 0,
    waiting           bigint      NOT NULL DEFAULT 0,
    held              bigint      NOT NULL DEFAULT 0,
    granted           bigint      NOT NULL DEFAULT 0,
    reversed          bigint      NOT NULL DEFAULT 0,
    revised           bigint      NOT NULL DEFAULT 0,
    condition_errors  bigint      NOT NULL DEFAULT 0,
    changed_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (campaign, shard)
) WITH (fillfactor = 50);
COMMENT ON TABLE  referral.pair_count IS 'Counters per campaign, in one row per shard so that workers do not wait for each other. Add the rows up.';
COMMENT ON COLUMN referral.pair_count.campaign IS 'The campaign.';
COMMENT ON COLUMN referral.pair_count.shard IS 'A shard that the writing batch has locked; the counted referees may be of any shard.';
COMMENT ON COLUMN referral.pair_count.awaiting_purchase IS 'Attributed signups without a pair.';
COMMENT ON COLUMN referral.pair_count.waiting IS 'Pairs on the waitlist that are not admitted.';
COMMENT ON COLUMN referral.pair_count.held IS 'Pairs that are held.';
COMMENT ON COLUMN referral.pair_count.granted IS 'Pairs that are granted.';
COMMENT ON COLUMN referral.pair_count.reversed IS 'Pairs that are reversed.';
COMMENT ON COLUMN referral.pair_count.revised IS 'How often a pair moved to a newer revision.';
COMMENT ON COLUMN referral.pair_count.condition_errors IS 'How often a condition failed with an error.';
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
COMMENT ON TABLE  referral.credit_count IS 'Sums per campaign and currency, in one row per shard. Add the rows up.';
COMMENT ON COLUMN referral.credit_count.campaign IS 'The campaign.';
COMMENT ON COLUMN referral.credit_count.shard IS 'A shard that the writing batch has locked; the counted referees may be of any shard.';
COMMENT ON COLUMN referral.credit_count.currency IS 'ISO 4217.';
COMMENT ON COLUMN referral.credit_count.granted IS 'Net sum of ledger entries, minor units.';
COMMENT ON COLUMN referral.credit_count.held IS 'Sum of the credits of held pairs, minor units.';
COMMENT ON COLUMN referral.credit_count.reversed IS 'Sum of what reversal entries took back, minor units, above zero.';

CREATE TABLE referral.rollout (
    campaign       text COLLATE "C" PRIMARY KEY,
    revision       integer NOT NULL,
    total          bigint  NOT NULL,
    revised_before bigint  NOT NULL,
    resume_after   text COLLATE "C" NOT NULL DEFAULT '',
    enqueued_up_to xid8
);
COMMENT ON TABLE  referral.rollout IS 'One row per campaign: progress of the newest revision that reaches existing pairs.';
COMMENT ON COLUMN referral.rollout.campaign IS 'The campaign.';
COMMENT ON COLUMN referral.rollout.revision IS 'The revision.';
COMMENT ON COLUMN referral.rollout.total IS 'Number of pairs to reach, when it was recorded.';
COMMENT ON COLUMN referral.rollout.revised_before IS 'Sum of pair_count.revised when it was recorded.';
COMMENT ON COLUMN referral.rollout.resume_after IS 'The last user_id that was enqueued.';
COMMENT ON COLUMN referral.rollout.enqueued_up_to IS 'The transaction that enqueued the last of its changes. The rollout is done when the queue has no change up to it. Null: changes are still being enqueued.';

-- Campaigns that are reversed. A walk over the ledger's keys in order finds what was granted; no
-- counter decides that the walk is over.
CREATE TABLE referral.reversal (
    campaign        text COLLATE "C" PRIMARY KEY,
    resume_user     text COLLATE "C" NOT NULL DEFAULT '',
    resume_purchase text COLLATE "C" NOT NULL DEFAULT '',
    done            boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE  referral.reversal IS 'Progress of reversing a campaign: one row per campaign that was reversed since it was last declared.';
COMMENT ON COLUMN referral.reversal.campaign IS 'The campaign.';
COMMENT ON COLUMN referral.reversal.resume_user IS 'user_id of the last key that was reversed.';
COMMENT ON COLUMN referral.reversal.resume_purchase IS 'purchase_id of that key.';
COMMENT ON COLUMN referral.reversal.done IS 'True: everything is reversed.';
