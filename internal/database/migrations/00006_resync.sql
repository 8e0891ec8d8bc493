-- Comparing results with the facts that they rest on, and withholding reversals that look like lost
-- rows.

-- Checksums. A result row carries a hash of its own columns as the engine wrote them. A row that
-- was altered does not fit its checksum; a row that was inserted by hand has none. 0 means that the
-- checksum is not known: the row is accepted, and the next comparison writes its checksum.
-- Checksums find accidents, not forgeries.
--
-- hash_record_extended is what hash partitioning uses: it returns the same on every version of
-- Postgres, and exists since 14.
CREATE FUNCTION referral.checksum_of_attribution(
    user_id text, campaign text, code text, referrer_id text, label text, touched_at timestamptz, source text, visitor_id text, touch_id text)
    RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN hash_record_extended(ROW(user_id, campaign, code, referrer_id, label, touched_at, source, visitor_id, touch_id), 0);
COMMENT ON FUNCTION referral.checksum_of_attribution IS 'What attribution.checksum is unless the row was altered.';

CREATE FUNCTION referral.checksum_of_pair(
    user_id text, purchase_id text, campaign text, referrer_id text, revision integer, admission_order bigint, ordinal bigint,
    qualified_at timestamptz, matures_at timestamptz, counted_at timestamptz, allowed boolean, state text, reason text, credits integer)
    RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN hash_record_extended(ROW(user_id, purchase_id, campaign, referrer_id, revision, admission_order, ordinal,
                                    qualified_at, matures_at, counted_at, allowed, state, reason, credits), 0);
COMMENT ON FUNCTION referral.checksum_of_pair IS 'What pair.checksum is unless the row was altered. postponed is compared with deferred, set_aside and withheld instead.';

CREATE FUNCTION referral.checksum_of_credit(
    user_id text, purchase_id text, reward text, campaign text, beneficiary_id text, currency text, amount bigint)
    RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN hash_record_extended(ROW(user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount), 0);
COMMENT ON FUNCTION referral.checksum_of_credit IS 'What credit.checksum is unless the row was altered.';

CREATE FUNCTION referral.checksum_of_entry(
    user_id text, purchase_id text, reward text, seq integer, campaign text, revision integer, beneficiary_id text, amount bigint,
    currency text, kind text, reason text)
    RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN hash_record_extended(ROW(user_id, purchase_id, reward, seq, campaign, revision, beneficiary_id, amount, currency, kind, reason), 0);
COMMENT ON FUNCTION referral.checksum_of_entry IS 'What ledger.checksum is if the engine wrote the entry and it was not altered.';

CREATE FUNCTION referral.checksum_of_waiting(
    user_id text, purchase_id text, campaign text, referrer_id text, admission_order bigint, growing boolean,
    least_need bigint, tier_starts bigint[], tier_needs bigint[], edit bigint)
    RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN hash_record_extended(ROW(user_id, purchase_id, campaign, referrer_id, admission_order, growing,
                                    least_need, tier_starts, tier_needs, edit), 0);
COMMENT ON FUNCTION referral.checksum_of_waiting IS 'What waitlist.checksum is unless the row was altered. passed_over is compared with set_aside and withheld instead.';

-- Hashes of facts, over every column that a decision uses. The hashes of a referee's rows are
-- combined by exclusive or, so their order does not matter.
CREATE FUNCTION referral.hash_of_signup(
    visitor_id text, code text, signed_up_at timestamptz, arrived_at timestamptz, fingerprints text[], attributes jsonb, blanked boolean)
    RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN hash_record_extended(ROW(visitor_id, code, signed_up_at, arrived_at, fingerprints, attributes, blanked), 1);
COMMENT ON FUNCTION referral.hash_of_signup IS 'Hash of a signup.';

CREATE FUNCTION referral.hash_of_purchase(
    purchase_id text, amount bigint, currency text, purchased_at timestamptz, arrived_at timestamptz, attributes jsonb,
    blanked boolean, condition_held boolean)
    RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN hash_record_extended(ROW(purchase_id, amount, currency, purchased_at, arrived_at, attributes, blanked, condition_held), 2);
COMMENT ON FUNCTION referral.hash_of_purchase IS 'Hash of a purchase.';

CREATE FUNCTION referral.hash_of_refund(purchase_id text, refund_id text, amount bigint)
    RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN hash_record_extended(ROW(purchase_id, refund_id, amount), 3);
COMMENT ON FUNCTION referral.hash_of_refund IS 'Hash of a refund.';

CREATE FUNCTION referral.hash_of_override(purchase_id text, verdict text)
    RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN hash_record_extended(ROW(purchase_id, verdict), 4);
COMMENT ON FUNCTION referral.hash_of_override IS 'Hash of an override.';

CREATE FUNCTION referral.hash_of_link(code text, campaign text, referrer_id text, label text, expires_at timestamptz, disabled_at timestamptz)
    RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN hash_record_extended(ROW(code, campaign, referrer_id, label, expires_at, disabled_at), 5);
COMMENT ON FUNCTION referral.hash_of_link IS 'Hash of the link of a typed code.';

CREATE FUNCTION referral.hash_of_touch(touch_id text, touched_at timestamptz,
    code text, campaign text, referrer_id text, label text, expires_at timestamptz, disabled_at timestamptz)
    RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN hash_record_extended(ROW(touch_id, touched_at, code, campaign, referrer_id, label, expires_at, disabled_at), 6);
COMMENT ON FUNCTION referral.hash_of_touch IS 'Hash of a touch with its link.';

-- The touch that decides. Batches and comparisons call the same function, so that attribution.via
-- means the same to both. It leaves out exactly the touches that package reward leaves out, so that
-- only one touch is loaded for a visitor with a million. Postgres inlines both functions. The
-- caller disables sorts and bitmap scans: for the few touches of most visitors they look as cheap
-- as the walk along touch_visitor, which alone is cheap for any number.
CREATE FUNCTION referral.may_attribute(
    link referral.link, campaign referral.campaign, touched_at timestamptz, referee text, signed_up_at timestamptz)
    RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN touched_at <= signed_up_at
       AND ((link).expires_at IS NULL OR touched_at < (link).expires_at)
       AND ((link).disabled_at IS NULL OR touched_at < (link).disabled_at)
       AND (link).referrer_id <> referee
       AND (campaign).mode NOT IN ('Closed', 'Reversing')
       AND ((campaign).starts_at IS NULL OR signed_up_at >= (campaign).starts_at)
       AND ((campaign).ends_at IS NULL OR signed_up_at < (campaign).ends_at)
       AND signed_up_at - touched_at <= (campaign).attribution_window * interval '1 microsecond';
COMMENT ON FUNCTION referral.may_attribute IS 'Whether a touch of the link can attribute the signup of the referee.';

CREATE FUNCTION referral.deciding_touch(referee text, visitor text, signup timestamptz)
    RETURNS TABLE (touch_id text, touched_at timestamptz, code text, campaign text, referrer_id text, label text,
                   expires_at timestamptz, disabled_at timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT first.*
      FROM ((SELECT t.touched_at
               FROM referral.touch AS t
               JOIN referral.link AS l ON l.code = referral.normal_code(t.code)
               JOIN referral.campaign AS c ON c.name = l.campaign COLLATE "default"
              WHERE (SELECT m.attribution FROM referral.meta AS m) = 'LastTouch'
                AND t.visitor_id = visitor AND t.touched_at <= signup
                AND referral.may_attribute(l, c, t.touched_at, referee, signup)
              ORDER BY t.touched_at DESC
              LIMIT 1)
            UNION ALL
            (SELECT t.touched_at
               FROM referral.touch AS t
               JOIN referral.link AS l ON l.code = referral.normal_code(t.code)
               JOIN referral.campaign AS c ON c.name = l.campaign COLLATE "default"
              WHERE (SELECT m.attribution FROM referral.meta AS m) = 'FirstTouch'
                AND t.visitor_id = visitor AND t.touched_at <= signup
                AND referral.may_attribute(l, c, t.touched_at, referee, signup)
              ORDER BY t.touched_at
              LIMIT 1)) AS picked
     CROSS JOIN LATERAL (SELECT t.touch_id, t.touched_at, l.code, l.campaign, l.referrer_id, l.label, l.expires_at, l.disabled_at
                           FROM referral.touch AS t
                           JOIN referral.link AS l ON l.code = referral.normal_code(t.code)
                           JOIN referral.campaign AS c ON c.name = l.campaign COLLATE "default"
                          WHERE t.visitor_id = visitor AND t.touched_at = picked.touched_at
                            AND referral.may_attribute(l, c, t.touched_at, referee, signup)
                          ORDER BY referral.normal_code(t.code) COLLATE "C", t.touch_id
                          LIMIT 1) AS first;
END;
COMMENT ON FUNCTION referral.deciding_touch IS 'The touch of a visitor that attributes the signup of a referee: the first or the last that can, of several at one time the lowest by code and touch_id. No row if none can.';

-- The comparison under way. There is one for the whole database, so that each table is read once
-- for all campaigns. An engine locks the row for each step.
CREATE TABLE referral.resync (
    singleton    boolean     PRIMARY KEY DEFAULT true CHECK (singleton),
    began_at     timestamptz,
    resume_after text COLLATE "C" NOT NULL DEFAULT '',
    phase        text        NOT NULL DEFAULT 'Rows' CHECK (phase IN ('Rows', 'Losses', 'Sums')),
    next_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE  referral.resync IS 'One row: progress of the comparison under way.';
COMMENT ON COLUMN referral.resync.singleton IS 'Always true: there is one row.';
COMMENT ON COLUMN referral.resync.began_at IS 'When it began; null: none is under way.';
COMMENT ON COLUMN referral.resync.resume_after IS 'The last user_id that the phase has reached.';
COMMENT ON COLUMN referral.resync.phase IS 'Rows: referees are compared. Losses: all pairs whose rows are missing have been counted, and are reversed if they are few. Sums: counters and accounts are compared.';
COMMENT ON COLUMN referral.resync.next_at IS 'The earliest time of the next step.';
INSERT INTO referral.resync DEFAULT VALUES;

CREATE TABLE referral.resync_campaign (
    campaign        text COLLATE "C" PRIMARY KEY,
    requested       text   NOT NULL DEFAULT '',
    answers         text,
    handled         text   NOT NULL DEFAULT '',
    ended_at        timestamptz,
    drift_corrected bigint NOT NULL DEFAULT 0,
    attributions    bigint NOT NULL DEFAULT 0,
    pairs           bigint NOT NULL DEFAULT 0,
    sums            bigint NOT NULL DEFAULT 0,
    found           text   NOT NULL DEFAULT ''
);
COMMENT ON TABLE  referral.resync_campaign IS 'Results of the full comparisons, per campaign.';
COMMENT ON COLUMN referral.resync_campaign.campaign IS 'The campaign.';
COMMENT ON COLUMN referral.resync_campaign.requested IS 'The newest request for a comparison.';
COMMENT ON COLUMN referral.resync_campaign.answers IS 'The request that the comparison under way answers when it ends; null: none is under way for the campaign.';
COMMENT ON COLUMN referral.resync_campaign.handled IS 'The last request that was answered.';
COMMENT ON COLUMN referral.resync_campaign.ended_at IS 'When the last comparison ended; null: none has.';
COMMENT ON COLUMN referral.resync_campaign.drift_corrected IS 'Number of drifted rows corrected so far.';
COMMENT ON COLUMN referral.resync_campaign.attributions IS 'Attributions that the comparison under way corrected.';
COMMENT ON COLUMN referral.resync_campaign.pairs IS 'Pairs, with credits and entries, that the comparison under way corrected.';
COMMENT ON COLUMN referral.resync_campaign.sums IS 'Counters and accounts that the comparison under way corrected.';
COMMENT ON COLUMN referral.resync_campaign.found IS 'What the last comparison corrected, for people; empty: nothing.';

-- TRUNCATE enqueues no change, since it names no rows: it requests a comparison of every campaign.
-- The triggers only add rows; the comparison that answers a request removes it.
CREATE TABLE referral.resync_request (
    id           bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    campaign     text COLLATE "C" NOT NULL,
    fact         text        NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    begun        boolean     NOT NULL DEFAULT false
);
COMMENT ON TABLE  referral.resync_request IS 'Requests for a comparison because a table of facts was truncated.';
COMMENT ON COLUMN referral.resync_request.id IS 'Identifies the request.';
COMMENT ON COLUMN referral.resync_request.campaign IS 'The campaign to compare.';
COMMENT ON COLUMN referral.resync_request.fact IS 'The table that was truncated, for people.';
COMMENT ON COLUMN referral.resync_request.requested_at IS 'When it was truncated.';
COMMENT ON COLUMN referral.resync_request.begun IS 'Whether the comparison under way answers it, which removes it at its end.';

CREATE FUNCTION referral.request_resync() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO referral.resync_request (campaign, fact) SELECT name, TG_TABLE_NAME FROM referral.campaign;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION referral.request_resync() IS 'Requests a comparison of every campaign.';

CREATE TRIGGER link_truncated     AFTER TRUNCATE ON referral.link     FOR EACH STATEMENT EXECUTE FUNCTION referral.request_resync();
CREATE TRIGGER touch_truncated    AFTER TRUNCATE ON referral.touch    FOR EACH STATEMENT EXECUTE FUNCTION referral.request_resync();
CREATE TRIGGER signup_truncated   AFTER TRUNCATE ON referral.signup   FOR EACH STATEMENT EXECUTE FUNCTION referral.request_resync();
CREATE TRIGGER purchase_truncated AFTER TRUNCATE ON referral.purchase FOR EACH STATEMENT EXECUTE FUNCTION referral.request_resync();
CREATE TRIGGER refund_truncated   AFTER TRUNCATE ON referral.refund   FOR EACH STATEMENT EXECUTE FUNCTION referral.request_resync();
CREATE TRIGGER override_truncated AFTER TRUNCATE ON referral.override FOR EACH STATEMENT EXECUTE FUNCTION referral.request_resync();
REVOKE EXECUTE ON FUNCTION referral.request_resync() FROM PUBLIC;

CREATE FUNCTION referral.resync_due() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
    RETURN EXISTS (SELECT
                     FROM referral.campaign AS c
                     LEFT JOIN referral.resync_campaign AS r ON r.campaign = c.name
                    WHERE c.mode <> 'Suspended'
                      AND (coalesce(r.requested <> r.handled, false)
                           OR coalesce(r.ended_at, c.declared_at) + c.resync_interval * interval '1 microsecond' <= clock_timestamp()
                           OR EXISTS (SELECT FROM referral.resync_request AS q WHERE q.campaign = c.name)));
COMMENT ON FUNCTION referral.resync_due() IS 'Whether a campaign that is not suspended must be compared: its interval is over, there is a request, or facts were truncated.';

-- Creates a missing writers' row unless an open transaction of a writer is creating it: an INSERT
-- cannot skip locked rows, so it gives up after a millisecond.
CREATE FUNCTION referral.create_writer_account(beneficiary_id text, currency text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '1ms' AS $$
BEGIN
    INSERT INTO referral.writer_account (beneficiary_id, currency)
    VALUES (create_writer_account.beneficiary_id, create_writer_account.currency)
        ON CONFLICT DO NOTHING;
EXCEPTION WHEN lock_not_available THEN
    RETURN;
END $$;
COMMENT ON FUNCTION referral.create_writer_account IS 'Creates the writers'' row of an account, unless it would wait for a writer.';
REVOKE EXECUTE ON FUNCTION referral.create_writer_account(text, text) FROM PUBLIC;

-- Withholding: reversals that look like an accident are not recorded until the missing rows are
-- back or a permission is given. Reversals because a purchase or signup row is missing are counted
-- per campaign over one resync interval. A batch that counts locks the campaign's row of loss, so
-- that no two batches count at the same time.
CREATE TABLE referral.loss (
    campaign text COLLATE "C" PRIMARY KEY,
    began_at timestamptz,
    present  bigint NOT NULL DEFAULT 0,
    lost     bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE  referral.loss IS 'Pairs whose purchase or signup row is missing, counted per campaign over one resync interval.';
COMMENT ON COLUMN referral.loss.campaign IS 'The campaign.';
COMMENT ON COLUMN referral.loss.began_at IS 'When counting began; it begins again after a resync interval. Null: it has not begun.';
COMMENT ON COLUMN referral.loss.present IS 'Pairs that were held or granted when counting began.';
COMMENT ON COLUMN referral.loss.lost IS 'Pairs counted since, reversed and withheld, each once.';

CREATE TABLE referral.lost_pair (
    campaign    text COLLATE "C" NOT NULL,
    user_id     text COLLATE "C" NOT NULL,
    purchase_id text COLLATE "C" NOT NULL,
    counted_at  timestamptz NOT NULL,
    PRIMARY KEY (campaign, user_id, purchase_id)
);
COMMENT ON TABLE  referral.lost_pair IS 'The pairs that loss.lost counts. Rows of earlier intervals are not counted and are removed in steps.';
COMMENT ON COLUMN referral.lost_pair.campaign IS 'The campaign.';
COMMENT ON COLUMN referral.lost_pair.user_id IS 'The referee.';
COMMENT ON COLUMN referral.lost_pair.purchase_id IS 'The purchase.';
COMMENT ON COLUMN referral.lost_pair.counted_at IS 'When the pair was counted. Before loss.began_at: in an earlier interval.';

--  Counting ──(the resync has counted all)──► Open ──(reported)──► Reported ──(allowed)──► Permitted
--      └──────────────────(few enough)────────────────────────────────────────────────────────┘
CREATE TABLE referral.incident (
    id       text COLLATE "C" PRIMARY KEY,
    campaign text COLLATE "C" NOT NULL,
    cause    text        NOT NULL CHECK (cause IN ('MassReversal')),
    state    text        NOT NULL CHECK (state IN ('Counting', 'Open', 'Reported', 'Permitted')),
    present  bigint      NOT NULL,
    reported bigint      NOT NULL DEFAULT 0,
    withheld bigint      NOT NULL,
    began_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX incident_campaign ON referral.incident (campaign, began_at);
COMMENT ON TABLE  referral.incident IS 'Sets of pairs that are withheld together and permitted together. Removed with the last pair.';
COMMENT ON COLUMN referral.incident.id IS 'The id that a permission must name.';
COMMENT ON COLUMN referral.incident.campaign IS 'The campaign.';
COMMENT ON COLUMN referral.incident.cause IS 'Why its pairs are withheld. MassReversal: too many rows of facts are missing.';
COMMENT ON COLUMN referral.incident.state IS 'Counting: a resync has not counted all pairs yet. Open: pairs may be added. Reported: id, number and set of pairs are fixed. Permitted: its pairs may be reversed.';
COMMENT ON COLUMN referral.incident.present IS 'Pairs that were held or granted when counting began.';
COMMENT ON COLUMN referral.incident.reported IS 'Pairs that were withheld when it was reported.';
COMMENT ON COLUMN referral.incident.withheld IS 'Pairs that are withheld now.';
COMMENT ON COLUMN referral.incident.began_at IS 'When its first pair was withheld.';

CREATE TABLE referral.withheld (
    campaign    text COLLATE "C" NOT NULL,
    user_id     text COLLATE "C" NOT NULL,
    purchase_id text COLLATE "C" NOT NULL,
    cause       text NOT NULL CHECK (cause IN ('MassReversal')),
    incident    text COLLATE "C" NOT NULL,
    PRIMARY KEY (campaign, user_id, purchase_id, cause)
);
CREATE INDEX withheld_user ON referral.withheld (user_id);
COMMENT ON TABLE  referral.withheld IS 'Pairs whose decision is withheld. While a row exists nothing is recorded about its referee.';
COMMENT ON COLUMN referral.withheld.campaign IS 'The campaign of the pair.';
COMMENT ON COLUMN referral.withheld.user_id IS 'The referee.';
COMMENT ON COLUMN referral.withheld.purchase_id IS 'The purchase.';
COMMENT ON COLUMN referral.withheld.cause IS 'Why: incident.cause.';
COMMENT ON COLUMN referral.withheld.incident IS 'The incident.';
