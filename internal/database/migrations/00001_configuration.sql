-- The referral schema: the baseline, one file per subject.
--
--   00001_configuration  what is declared: meta, owner, roles, campaigns, revisions
--   00002_facts          what the application writes: links, touches, signups, purchases, ...
--   00003_results        what the engine decides: attributions, pairs, credits, ledger, accounts
--   00004_engine         what the engine works with: change queue, waitlist, counters, rollouts
--   00005_capture        triggers that enqueue changes of facts, and triggers that protect rows
--   00006_resync         checksums, comparisons of results with facts, withheld reversals
--   00007_tracker        actions, redemptions, erasures
--   00008_violations     what must never be wrong
--
-- Each table is complete in its file, with constraints, indexes and comments. From here on files
-- are only added: a released file never changes.
--
-- "referral" stands for the schema of spec.schema: the operator replaces it by the real name before
-- it runs a statement.
--
-- The key of every table about a referee starts with user_id. There are no foreign keys: facts
-- arrive in any order, and rows that belong together are found by key.
--
-- Ids and codes are COLLATE "C". They are compared as bytes: lookups are faster, SQL sorts them as
-- Go does, and no index breaks when the locales of the server change.

-- Configuration: the controllers write it.

CREATE TABLE referral.meta (
    singleton      boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    schema_version integer NOT NULL DEFAULT 0,
    rules_version  integer NOT NULL DEFAULT 0,
    epoch          bigint  NOT NULL DEFAULT 1,
    attribution    text    NOT NULL DEFAULT 'LastTouch' CHECK (attribution IN ('LastTouch', 'FirstTouch')),
    suspended      boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE  referral.meta IS 'One row: the versions of schema and rules, and the configuration that every batch is decided under.';
COMMENT ON COLUMN referral.meta.singleton IS 'Always true: there is one row.';
COMMENT ON COLUMN referral.meta.schema_version IS 'Number of the newest migration that ran.';
COMMENT ON COLUMN referral.meta.rules_version IS 'Version of the rules that decide; an engine decides only under its own.';
COMMENT ON COLUMN referral.meta.epoch IS 'Counts every change of configuration. A batch commits only if it is the same as when the batch began.';
COMMENT ON COLUMN referral.meta.attribution IS 'Which touch decides a signup''s attribution: the first or the last.';
COMMENT ON COLUMN referral.meta.suspended IS 'True: no batch is decided until it is false again.';
INSERT INTO referral.meta DEFAULT VALUES;

CREATE TABLE referral.owner (
    singleton    boolean     PRIMARY KEY DEFAULT true CHECK (singleton),
    installation text        NOT NULL,
    name         text        NOT NULL,
    uid          text        NOT NULL,
    generation   bigint      NOT NULL DEFAULT 0,
    heartbeat_at timestamptz NOT NULL DEFAULT now(),
    released_at  timestamptz
);
COMMENT ON TABLE  referral.owner IS 'At most one row: the AttributionDatabase object that may declare and decide here.';
COMMENT ON COLUMN referral.owner.singleton IS 'Always true: there is at most one row.';
COMMENT ON COLUMN referral.owner.installation IS 'The operator''s --installation.';
COMMENT ON COLUMN referral.owner.name IS 'namespace/name of the object.';
COMMENT ON COLUMN referral.owner.uid IS 'The object''s UID; changes when it is deleted and created again.';
COMMENT ON COLUMN referral.owner.generation IS 'Generation of the object that last changed a setting in meta; a lower one is ignored.';
COMMENT ON COLUMN referral.owner.heartbeat_at IS 'Last heartbeat, about once a minute.';
COMMENT ON COLUMN referral.owner.released_at IS 'When the owner was deleted and gave the schema up; null: it owns the schema.';

CREATE TABLE referral.role_grant (
    role   text NOT NULL,
    access text NOT NULL CHECK (access IN ('Writer', 'Reader')),
    PRIMARY KEY (role, access)
);
COMMENT ON TABLE  referral.role_grant IS 'Roles to which the operator granted access. It revokes only these when they leave the list.';
COMMENT ON COLUMN referral.role_grant.role IS 'Name of a Postgres role.';
COMMENT ON COLUMN referral.role_grant.access IS 'Writer: writes facts and reads everything. Reader: reads everything.';

CREATE TABLE referral.campaign (
    name               text        PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 255),
    mode               text        NOT NULL CHECK (mode IN ('Open', 'Suspended', 'PolicyMissing', 'Closed', 'Reversing')),
    starts_at          timestamptz,
    ends_at            timestamptz,
    attribution_window bigint      NOT NULL CHECK (attribution_window > 0),
    destination        text        NOT NULL,
    budget_amount      bigint      CHECK (budget_amount > 0),
    budget_currency    text        COLLATE "C",
    resync_interval    bigint      NOT NULL DEFAULT 1800000000 CHECK (resync_interval > 0),
    uid                text        NOT NULL,
    generation         bigint      NOT NULL,
    policy             text        NOT NULL,
    policy_uid         text        NOT NULL DEFAULT '',
    policy_generation  bigint      NOT NULL DEFAULT 0,
    declared_at        timestamptz NOT NULL DEFAULT now(),
    deleted_uids       text[]      NOT NULL DEFAULT '{}',
    edit               bigint      NOT NULL DEFAULT 1,
    spent_before       numeric(38) NOT NULL DEFAULT 0,
    CHECK ((budget_amount IS NULL) = (budget_currency IS NULL))
);
COMMENT ON TABLE  referral.campaign IS 'Campaigns as ReferralCampaign objects declare them. The row of a deleted one stays, Closed.';
COMMENT ON COLUMN referral.campaign.name IS 'The object''s name; link.campaign refers to it.';
COMMENT ON COLUMN referral.campaign.mode IS 'Open: attributes signups and admits pairs. Suspended: its pairs stay as they are, new ones wait. PolicyMissing: admitted pairs live on, new ones wait. Closed: deleted; admitted pairs live on, waiting ones wait; attributes and admits nothing. Reversing: deleted; everything that was granted is taken back.';
COMMENT ON COLUMN referral.campaign.starts_at IS 'First signup time that counts; null: no bound.';
COMMENT ON COLUMN referral.campaign.ends_at IS 'First signup time that does not count any more; null: no bound.';
COMMENT ON COLUMN referral.campaign.attribution_window IS 'Longest time from touch to signup, in microseconds.';
COMMENT ON COLUMN referral.campaign.destination IS 'Where a link without its own destination leads.';
COMMENT ON COLUMN referral.campaign.budget_amount IS 'The most that held and granted pairs may come to together, in minor units; null: no limit.';
COMMENT ON COLUMN referral.campaign.budget_currency IS 'ISO 4217; every reward must be in it.';
COMMENT ON COLUMN referral.campaign.resync_interval IS 'Longest time between two full comparisons, in microseconds.';
COMMENT ON COLUMN referral.campaign.uid IS 'UID of the object that declared it last.';
COMMENT ON COLUMN referral.campaign.generation IS 'Generation of that object; a lower one is ignored.';
COMMENT ON COLUMN referral.campaign.policy IS 'Name of the RewardPolicy it follows.';
COMMENT ON COLUMN referral.campaign.policy_uid IS 'UID of that policy when it was declared.';
COMMENT ON COLUMN referral.campaign.policy_generation IS 'Generation of that policy; a lower one is ignored.';
COMMENT ON COLUMN referral.campaign.declared_at IS 'When the declaration last changed something.';
COMMENT ON COLUMN referral.campaign.deleted_uids IS 'UIDs of the last 16 objects of this name that were deleted or replaced; their declarations are ignored. A Closed campaign whose uid is not among them was closed because no object was found; the same object may declare it again.';
COMMENT ON COLUMN referral.campaign.edit IS 'Counts the edits that decisions about waiting pairs depend on. Written under the row''s lock.';
COMMENT ON COLUMN referral.campaign.spent_before IS 'Sum of held and granted pairs in the budget''s currency when the budget was last edited, in minor units: it may be above the budget.';

CREATE TABLE referral.revision (
    campaign    text        NOT NULL,
    revision    integer     NOT NULL CHECK (revision > 0),
    digest      text        NOT NULL,
    terms       jsonb       NOT NULL,
    scope       text        NOT NULL CHECK (scope IN ('NewPairs', 'HeldPairs', 'AllPairs')),
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (campaign, revision)
);
COMMENT ON TABLE  referral.revision IS 'Every version of the terms a campaign has followed. Never changed, never deleted.';
COMMENT ON COLUMN referral.revision.campaign IS 'The campaign.';
COMMENT ON COLUMN referral.revision.revision IS 'Counts from 1 within the campaign.';
COMMENT ON COLUMN referral.revision.digest IS 'sha256 of the normalised terms.';
COMMENT ON COLUMN referral.revision.terms IS 'The normalised terms, amounts in minor units, durations in nanoseconds.';
COMMENT ON COLUMN referral.revision.scope IS 'Which pairs the edit reaches: NewPairs, HeldPairs or AllPairs.';
COMMENT ON COLUMN referral.revision.recorded_at IS 'When it was recorded; pairs that arrive later follow it.';
