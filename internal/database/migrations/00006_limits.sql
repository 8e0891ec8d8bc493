-- Limits, revisions that reach back, conditions, and campaigns that take back
-- what they gave.

ALTER TABLE referral.campaign
    ADD COLUMN budget_amount   bigint CHECK (budget_amount > 0),
    ADD COLUMN budget_currency text COLLATE "C",
    ADD COLUMN resync_interval bigint NOT NULL DEFAULT 1800000000 CHECK (resync_interval > 0),
    ADD COLUMN edit            bigint NOT NULL DEFAULT 1,
    ADD COLUMN spent_before    numeric(38) NOT NULL DEFAULT 0,
    ADD CHECK ((budget_amount IS NULL) = (budget_currency IS NULL)),
    DROP CONSTRAINT campaign_mode_check,
    ADD CONSTRAINT campaign_mode_check CHECK (mode IN ('Open', 'Suspended', 'PolicyMissing', 'Closed', 'Reversing'));
COMMENT ON COLUMN referral.campaign.mode IS 'Open: attributes signups and admits pairs. Suspended: its pairs stay as they are, new ones wait. PolicyMissing: admitted pairs live on, new ones wait. Closed: deleted; admitted pairs live on, waiting ones wait, attributes and admits nothing. Reversing: deleted, and takes back all it gave.';
COMMENT ON COLUMN referral.campaign.budget_amount IS 'Most that held and granted pairs may come to together, in minor units; null: no limit.';
COMMENT ON COLUMN referral.campaign.budget_currency IS 'ISO 4217; every reward must be in it.';
COMMENT ON COLUMN referral.campaign.edit IS 'Counts the edits that decisions about waiting pairs depend on. Written under the row''s lock.';
COMMENT ON COLUMN referral.campaign.spent_before IS 'What held and granted pairs came to in the budget''s currency when the budget was last edited, minor units: it may be above the budget.';
COMMENT ON COLUMN referral.campaign.resync_interval IS 'Longest time between two full comparisons, in microseconds.';

ALTER TABLE referral.pair
    ADD COLUMN counted_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN allowed    boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN referral.pair.counted_at IS 'When it began to count: with its admission order.';
COMMENT ON COLUMN referral.pair.allowed IS 'Whether an Allow stood when it was admitted.';

-- The waitlist. Only batches that hold the lock of the campaign's row write to it. What a row says
-- beside its place follows from the pair's own facts and revision alone; it finds the waiting pairs
-- that could fit, and never decides that one is admitted. A row of an older edit could always fit.
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
COMMENT ON COLUMN referral.waitlist.admission_order IS 'pair.admission_order: its place.';
COMMENT ON COLUMN referral.waitlist.growing IS 'True: the pair is admitted and waits for the budget to earn more.';
COMMENT ON COLUMN referral.waitlist.least_need IS 'The least that it could take of the budget, over all tiers, minor units.';
COMMENT ON COLUMN referral.waitlist.tier_starts IS 'Ascending; null: its need does not depend on how many pairs its referrer has.';
COMMENT ON COLUMN referral.waitlist.tier_needs IS 'What it needs as its referrer''s n-th pair, for n from the same place in tier_starts on, minor units.';
COMMENT ON COLUMN referral.waitlist.edit IS 'campaign.edit under which it was decided.';
COMMENT ON COLUMN referral.waitlist.passed_over IS 'True while its referee is set aside or withheld: it keeps its place, and others are admitted before it.';
COMMENT ON COLUMN referral.waitlist.checksum IS 'checksum_of_waiting as the engine wrote it.';

CREATE FUNCTION referral.checksum_of_waiting(
    user_id text, purchase_id text, campaign text, referrer_id text, admission_order bigint, growing boolean,
    least_need bigint, tier_starts bigint[], tier_needs bigint[], edit bigint)
    RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN hash_record_extended(ROW(user_id, purchase_id, campaign, referrer_id, admission_order, growing,
                                    least_need, tier_starts, tier_needs, edit), 0);
COMMENT ON FUNCTION referral.checksum_of_waiting IS 'What waitlist.checksum is unless the row was altered. passed_over is compared with set_aside and withheld instead.';

CREATE TABLE referral.waitlist_referrer (
    campaign    text COLLATE "C" NOT NULL,
    referrer_id text COLLATE "C" NOT NULL,
    admitted    bigint NOT NULL,
    least_need  bigint NOT NULL,
    PRIMARY KEY (campaign, referrer_id)
);
CREATE INDEX waitlist_referrer_admitted ON referral.waitlist_referrer (campaign, admitted, least_need);
COMMENT ON TABLE  referral.waitlist_referrer IS 'One row per referrer with pairs on the waitlist that are to be admitted and are not passed over. Written with these.';
COMMENT ON COLUMN referral.waitlist_referrer.campaign IS 'The campaign.';
COMMENT ON COLUMN referral.waitlist_referrer.referrer_id IS 'The referrer.';
COMMENT ON COLUMN referral.waitlist_referrer.admitted IS 'referrer.pairs.';
COMMENT ON COLUMN referral.waitlist_referrer.least_need IS 'The least waitlist.least_need of these pairs.';

-- Rows are written by the transactions that change limits or pairs of a campaign, under the lock of
-- its row, and removed under that lock by the allocation batch that served them.
CREATE TABLE referral.allocation_request (
    id       bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    campaign text COLLATE "C" NOT NULL
);
CREATE INDEX allocation_request_campaign ON referral.allocation_request (campaign, id);
COMMENT ON TABLE  referral.allocation_request IS 'Campaigns whose capacity is to be given to their waitlist.';
COMMENT ON COLUMN referral.allocation_request.id IS 'Order of asking.';
COMMENT ON COLUMN referral.allocation_request.campaign IS 'The campaign.';

-- Conditions may look at the label of the link, as it was when the signup was bound.
ALTER TABLE referral.attribution ADD COLUMN label text NOT NULL DEFAULT '';
COMMENT ON COLUMN referral.attribution.label IS 'Label of the link.';
UPDATE referral.attribution AS a SET label = l.label FROM referral.link AS l WHERE l.code = a.code AND l.label <> '';

ALTER TABLE referral.pair_count
    ADD COLUMN revised          bigint NOT NULL DEFAULT 0,
    ADD COLUMN condition_errors bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN referral.pair_count.revised IS 'How often a pair moved to a newer revision.';
COMMENT ON COLUMN referral.pair_count.condition_errors IS 'How often the condition broke off with an error.';

-- Progress of the newest revision that reaches back.
CREATE TABLE referral.rollout (
    campaign       text COLLATE "C" PRIMARY KEY,
    revision       integer NOT NULL,
    total          bigint  NOT NULL,
    revised_before bigint  NOT NULL,
    resume_after   text COLLATE "C" NOT NULL DEFAULT '',
    noted_up_to    xid8
);
COMMENT ON TABLE  referral.rollout IS 'One row per campaign: how far the newest revision that reaches pairs of before has come.';
COMMENT ON COLUMN referral.rollout.campaign IS 'The campaign.';
COMMENT ON COLUMN referral.rollout.revision IS 'The revision.';
COMMENT ON COLUMN referral.rollout.total IS 'Pairs that it was to reach when it was recorded.';
COMMENT ON COLUMN referral.rollout.revised_before IS 'Sum of pair_count.revised when it was recorded.';
COMMENT ON COLUMN referral.rollout.resume_after IS 'The last user_id whose referee was noted.';
COMMENT ON COLUMN referral.rollout.noted_up_to IS 'The transaction that noted the last of its changes; the rollout is done when no change up to there is left. Null: it is still noting.';
