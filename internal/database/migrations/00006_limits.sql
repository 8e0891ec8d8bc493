-- Limits, revisions that reach back, conditions, and campaigns that take back
-- what they gave.

-- Admission. Who counts and lacks room stands in line: pairs that wait, and
-- admitted ones that would earn more than there is room for.
ALTER TABLE referral.campaign
    ADD COLUMN budget_amount   bigint CHECK (budget_amount > 0),
    ADD COLUMN budget_currency text COLLATE "C",
    ADD COLUMN resync_interval bigint NOT NULL DEFAULT 1800000000 CHECK (resync_interval > 0),
    ADD CHECK ((budget_amount IS NULL) = (budget_currency IS NULL)),
    DROP CONSTRAINT campaign_mode_check,
    ADD CONSTRAINT campaign_mode_check CHECK (mode IN ('Open', 'Suspended', 'PolicyMissing', 'Closed', 'Reversing'));
COMMENT ON COLUMN referral.campaign.mode IS 'Open: binds signups and admits pairs. Suspended: nothing moves. PolicyMissing: admitted pairs live on, nothing is admitted. Closed: deleted; admitted pairs live on, binds and admits nothing. Reversing: deleted, and takes back all it gave.';
COMMENT ON COLUMN referral.campaign.budget_amount IS 'Most that held and granted pairs may come to together, in minor units; null: no limit.';
COMMENT ON COLUMN referral.campaign.budget_currency IS 'ISO 4217; every reward must be in it.';
COMMENT ON COLUMN referral.campaign.resync_interval IS 'Longest time between two full comparisons, in microseconds.';

ALTER TABLE referral.pair
    ADD COLUMN needs      bigint CHECK (needs >= 0),
    ADD COLUMN counted_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN allowed    boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN referral.pair.needs IS 'What the pair would take of the budget if it had all it counts for, in minor units; null: it stands in no line.';
COMMENT ON COLUMN referral.pair.counted_at IS 'When it began to count: with its admission order.';
COMMENT ON COLUMN referral.pair.allowed IS 'Whether an Allow stood when it was admitted.';
-- The line of a campaign, and of one referrer in it, in the order in which it is served.
CREATE INDEX pair_line          ON referral.pair (campaign, admission_order) WHERE needs IS NOT NULL;
CREATE INDEX pair_line_referrer ON referral.pair (campaign, referrer_id, reason, admission_order) WHERE needs IS NOT NULL;
-- The least that would do for those who lack nothing but budget.
CREATE INDEX pair_line_needs    ON referral.pair (campaign, needs) WHERE needs IS NOT NULL AND reason = 'BudgetExhausted';

-- After an edit of limits those in line may stand for a reason that is not
-- theirs any more, and so may those in a referrer's line when there is a place
-- under the cap again, or another tier is next, until all of them have been looked
-- at. Rows are only added and, when they are over, removed: who notes a line never
-- waits for who expands it.
CREATE TABLE referral.refiling (
    campaign    text COLLATE "C" NOT NULL,
    referrer_id text COLLATE "C" NOT NULL,
    noted_up_to bigint NOT NULL,
    PRIMARY KEY (campaign, referrer_id, noted_up_to)
);
COMMENT ON TABLE  referral.refiling IS 'Lines in which some may stand for a reason, or a need, that is not theirs any more: a row for each time that those in it were noted, removed when all of them have been looked at.';
COMMENT ON COLUMN referral.refiling.campaign IS 'The campaign.';
COMMENT ON COLUMN referral.refiling.referrer_id IS 'Whose line in it; empty: the whole line, because limits were edited.';
COMMENT ON COLUMN referral.refiling.noted_up_to IS 'Id of the last change that was noted; it is over when none up to there is left.';

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
    noted_up_to    bigint
);
COMMENT ON TABLE  referral.rollout IS 'One row per campaign: how far the newest revision that reaches pairs of before has come.';
COMMENT ON COLUMN referral.rollout.campaign IS 'The campaign.';
COMMENT ON COLUMN referral.rollout.revision IS 'The revision.';
COMMENT ON COLUMN referral.rollout.total IS 'Pairs that it was to reach when it was recorded.';
COMMENT ON COLUMN referral.rollout.revised_before IS 'Sum of pair_count.revised when it was recorded.';
COMMENT ON COLUMN referral.rollout.resume_after IS 'The last user_id whose referee was noted.';
COMMENT ON COLUMN referral.rollout.noted_up_to IS 'Id of a change after all that it noted; it is done when none up to there is left. Null: it is still noting.';
