-- The referral schema. "referral" stands for whatever spec.schema says; the
-- operator puts the real name in its place before it runs a statement.
--
-- Every table about a referee starts its key with user_id, and nothing refers
-- across differently keyed tables: what belongs together is found by key, and
-- may be distributed by user_id.
--
-- Ids and codes are COLLATE "C": compared as bytes, they are found faster, sort
-- in SQL as they do in Go, and no index breaks when the server's locales change.

-- This file: configuration, written by the controllers.

CREATE TABLE referral.meta (
    singleton      boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    schema_version integer NOT NULL DEFAULT 0,
    rules_version  integer NOT NULL DEFAULT 0,
    epoch          bigint  NOT NULL DEFAULT 1,
    attribution    text    NOT NULL DEFAULT 'LastTouch' CHECK (attribution IN ('LastTouch', 'FirstTouch')),
    suspended      boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE  referral.meta IS 'One row: the versions of schema and rules, and the configuration every batch is decided under.';
COMMENT ON COLUMN referral.meta.singleton IS 'Always true: there is one row.';
COMMENT ON COLUMN referral.meta.schema_version IS 'Number of the newest migration that ran.';
COMMENT ON COLUMN referral.meta.rules_version IS 'Version of the rules that decide; an engine takes batches only under its own.';
COMMENT ON COLUMN referral.meta.epoch IS 'Counts every change of configuration. A batch commits only if it has not moved since the batch began.';
COMMENT ON COLUMN referral.meta.attribution IS 'Which touch binds a signup: the first or the last.';
COMMENT ON COLUMN referral.meta.suspended IS 'True: no batch is taken until it is false again.';
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
COMMENT ON COLUMN referral.owner.singleton IS 'Always true: there is one owner.';
COMMENT ON COLUMN referral.owner.installation IS 'The operator''s --installation.';
COMMENT ON COLUMN referral.owner.name IS 'namespace/name of the object.';
COMMENT ON COLUMN referral.owner.uid IS 'The object''s UID; changes when it is deleted and created again.';
COMMENT ON COLUMN referral.owner.generation IS 'Generation of the object that last changed a setting in meta; a lower one is ignored.';
COMMENT ON COLUMN referral.owner.heartbeat_at IS 'Last sign of life, about once a minute.';
COMMENT ON COLUMN referral.owner.released_at IS 'When the owner gave the schema up by being deleted; null while it owns.';

CREATE TABLE referral.role_grant (
    role   text NOT NULL,
    access text NOT NULL CHECK (access IN ('Writer', 'Reader')),
    PRIMARY KEY (role, access)
);
COMMENT ON TABLE  referral.role_grant IS 'Roles that the operator granted access to, so that it takes back just these when they leave the list.';
COMMENT ON COLUMN referral.role_grant.role IS 'Name of a Postgres role.';
COMMENT ON COLUMN referral.role_grant.access IS 'Writer: writes facts and reads everything. Reader: reads everything.';

CREATE TABLE referral.campaign (
    name               text        PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 255),
    mode               text        NOT NULL CHECK (mode IN ('Open', 'Suspended', 'PolicyMissing', 'Closed')),
    starts_at          timestamptz,
    ends_at            timestamptz,
    attribution_window bigint      NOT NULL CHECK (attribution_window > 0),
    destination        text        NOT NULL,
    uid                text        NOT NULL,
    generation         bigint      NOT NULL,
    policy             text        NOT NULL,
    policy_uid         text        NOT NULL DEFAULT '',
    policy_generation  bigint      NOT NULL DEFAULT 0,
    declared_at        timestamptz NOT NULL DEFAULT now(),
    deleted_uids       text[]      NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE  referral.campaign IS 'Campaigns as declared by ReferralCampaign objects; a deleted one stays, Closed.';
COMMENT ON COLUMN referral.campaign.name IS 'The object''s name; link.campaign refers to it.';
COMMENT ON COLUMN referral.campaign.mode IS 'Open: binds signups and admits pairs. Suspended: nothing moves. PolicyMissing: admitted pairs live on, nothing is admitted. Closed: deleted; admitted pairs live on, binds and admits nothing.';
COMMENT ON COLUMN referral.campaign.starts_at IS 'First signup time that counts; null: no bound.';
COMMENT ON COLUMN referral.campaign.ends_at IS 'First signup time that counts no more; null: no bound.';
COMMENT ON COLUMN referral.campaign.attribution_window IS 'Longest time from touch to signup, in microseconds.';
COMMENT ON COLUMN referral.campaign.destination IS 'Where a link without a destination of its own leads.';
COMMENT ON COLUMN referral.campaign.uid IS 'UID of the object that declared it last.';
COMMENT ON COLUMN referral.campaign.generation IS 'Generation of that object; a lower one is ignored.';
COMMENT ON COLUMN referral.campaign.deleted_uids IS 'UIDs of the last 16 objects of this name that were deleted or replaced; what they declare is ignored. A campaign that is Closed although its uid is not among them was closed because no object was found, and the same object may declare it again.';
COMMENT ON COLUMN referral.campaign.policy IS 'Name of the RewardPolicy it follows.';
COMMENT ON COLUMN referral.campaign.policy_uid IS 'UID of that policy when it was declared.';
COMMENT ON COLUMN referral.campaign.policy_generation IS 'Generation of that policy; a lower one is ignored.';
COMMENT ON COLUMN referral.campaign.declared_at IS 'When the declaration last changed something.';

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
COMMENT ON COLUMN referral.revision.scope IS 'Whom the edit reaches.';
COMMENT ON COLUMN referral.revision.recorded_at IS 'Pairs that arrived later follow it.';
