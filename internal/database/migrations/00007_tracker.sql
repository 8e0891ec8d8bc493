-- Actions, redemptions and erasures: the tracker offers them by HTTP, and a writer may use all of
-- them by SQL.

CREATE TABLE referral.action (
    actor_id   text COLLATE "C" NOT NULL GENERATED ALWAYS AS (coalesce(user_id, visitor_id)) STORED,
    action_id  text COLLATE "C" NOT NULL DEFAULT gen_random_uuid()::text CHECK (length(action_id) BETWEEN 1 AND 255),
    user_id    text COLLATE "C" CHECK (length(user_id) BETWEEN 1 AND 255),
    visitor_id text COLLATE "C" CHECK (length(visitor_id) BETWEEN 1 AND 255),
    code       text COLLATE "C" CHECK (length(code) BETWEEN 1 AND 255 AND code IS NOT DISTINCT FROM referral.normal_code(code)),
    action     text COLLATE "C" NOT NULL CHECK (length(action) BETWEEN 1 AND 255),
    target     text NOT NULL DEFAULT '' CHECK (length(target) <= 2048),
    acted_at   timestamptz NOT NULL DEFAULT now() CHECK (isfinite(acted_at)),
    PRIMARY KEY (actor_id, action_id)
);
CREATE INDEX action_code ON referral.action (code, action) WHERE code IS NOT NULL;
COMMENT ON TABLE  referral.action IS 'Fact: anything else that a visitor or user did. No policy uses it.';
COMMENT ON COLUMN referral.action.actor_id IS 'The user, or the visitor if no user is known.';
COMMENT ON COLUMN referral.action.action_id IS 'Identifies the action; give your own to make a retried write harmless.';
COMMENT ON COLUMN referral.action.user_id IS 'The user; null if not known.';
COMMENT ON COLUMN referral.action.visitor_id IS 'The visitor; null if not known.';
COMMENT ON COLUMN referral.action.code IS 'Code of the link that it counts for, as normal_code writes it; null: none.';
COMMENT ON COLUMN referral.action.action IS 'What was done, such as view, download or invite.';
COMMENT ON COLUMN referral.action.target IS 'What it was done to, in the application''s words.';
COMMENT ON COLUMN referral.action.acted_at IS 'When it was done.';

CREATE TABLE referral.redemption (
    beneficiary_id text COLLATE "C" NOT NULL CHECK (length(beneficiary_id) BETWEEN 1 AND 255),
    redemption_id  text COLLATE "C" NOT NULL CHECK (length(redemption_id) BETWEEN 1 AND 255),
    amount         bigint NOT NULL CHECK (amount > 0),
    currency       text COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    reason         text NOT NULL DEFAULT '' CHECK (length(reason) <= 2048),
    author         text NOT NULL DEFAULT '' CHECK (length(author) <= 255),
    created_at     timestamptz NOT NULL DEFAULT now() CHECK (isfinite(created_at)),
    PRIMARY KEY (beneficiary_id, redemption_id)
);
COMMENT ON TABLE  referral.redemption IS 'Fact: available credit was spent. Append-only; what was spent by mistake is given back by an adjustment.';
COMMENT ON COLUMN referral.redemption.beneficiary_id IS 'The beneficiary.';
COMMENT ON COLUMN referral.redemption.redemption_id IS 'The application''s number of the redemption, such as the order that was paid with it.';
COMMENT ON COLUMN referral.redemption.amount IS 'Minor units, above zero.';
COMMENT ON COLUMN referral.redemption.currency IS 'ISO 4217, three capital letters.';
COMMENT ON COLUMN referral.redemption.reason IS 'What for, for people.';
COMMENT ON COLUMN referral.redemption.author IS 'The person who spent it, for people.';
COMMENT ON COLUMN referral.redemption.created_at IS 'When it was spent.';

-- A redemption spends credit in the transaction that records it, and is refused if less is
-- available. It locks the writers' row of the account first and reads the engine's row after, so
-- that the second of two redemptions sees the balance after the first. It waits for no batch: a
-- reversal that commits later may take the balance below zero.
--
-- A transaction that is not READ COMMITTED reads a snapshot of its beginning. If the writers' row
-- has changed since, Postgres refuses to lock it; if the engine's row has, require_current_earnings
-- fails. Both are SQLSTATE 40001: run the transaction again.
CREATE FUNCTION referral.apply_redemption() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    spent  record;
    own    numeric; -- adjusted - redeemed of the writers' row
    earned numeric;
BEGIN
    FOR spent IN
        SELECT beneficiary_id, currency, sum(amount) AS amount FROM new_rows
         GROUP BY beneficiary_id, currency
         ORDER BY beneficiary_id, currency -- the order in which adjustments lock them
    LOOP
        INSERT INTO referral.writer_account AS w (beneficiary_id, currency, redeemed)
        VALUES (spent.beneficiary_id, spent.currency, spent.amount)
            ON CONFLICT (beneficiary_id, currency) DO UPDATE SET redeemed = w.redeemed + excluded.redeemed
        RETURNING w.adjusted - w.redeemed INTO own;
        IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
            PERFORM referral.require_current_earnings(spent.beneficiary_id, spent.currency);
        END IF;
        -- A separate statement: in READ COMMITTED it sees everything committed before the lock.
        SELECT e.earned INTO earned FROM referral.engine_account AS e
         WHERE e.beneficiary_id = spent.beneficiary_id AND e.currency = spent.currency;
        IF coalesce(earned, 0) + own < 0 THEN
            RAISE EXCEPTION 'beneficiary % has less than % minor units of % available', spent.beneficiary_id, spent.amount, spent.currency
                USING ERRCODE = 'check_violation', CONSTRAINT = 'redemption_covered', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION referral.apply_redemption() IS 'Adds new redemptions to the writers'' rows of their accounts, or refuses them.';

-- The share lock fails if the row was changed after the transaction's snapshot. A row that a batch
-- is changing is skipped: until the batch commits, the snapshot's row is the current one. A row
-- that is not in the snapshot counts as 0, which is never too much. The exception ends the block
-- and with it the lock, so that no batch waits for the transaction.
CREATE FUNCTION referral.require_current_earnings(beneficiary_id text, currency text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM referral.engine_account AS e
      WHERE e.beneficiary_id = require_current_earnings.beneficiary_id AND e.currency = require_current_earnings.currency
        FOR SHARE SKIP LOCKED;
    RAISE EXCEPTION USING ERRCODE = 'RU001', MESSAGE = 'unlocks the row';
EXCEPTION WHEN SQLSTATE 'RU001' THEN
    RETURN;
END $$;
COMMENT ON FUNCTION referral.require_current_earnings IS 'Fails with a serialization failure if the engine''s row of an account is newer than the transaction''s snapshot. The lock ends with the call.';

CREATE TRIGGER redemption_inserted AFTER INSERT ON referral.redemption REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.apply_redemption();
CREATE TRIGGER redemption_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON referral.redemption
    FOR EACH STATEMENT EXECUTE FUNCTION referral.refuse_change();

-- An erasure removes personal data and keeps everything that credits depend on. Writers only
-- request it; the engine does it in steps, each one batch under the user's shard. Before a step
-- blanks a row, the same transaction records what was concluded from the row:
-- purchase.condition_held, the rows of shared_fingerprint, and the attribution by a touch, which
-- stays and names no touch.

CREATE TABLE referral.erasure (
    user_id      text COLLATE "C" NOT NULL CHECK (length(user_id) BETWEEN 1 AND 255),
    requested_at timestamptz NOT NULL DEFAULT now() CHECK (isfinite(requested_at)),
    PRIMARY KEY (user_id, requested_at)
);
COMMENT ON TABLE  referral.erasure IS 'Fact: a request to erase a person. Append-only; a later row erases what was written after an earlier one.';
COMMENT ON COLUMN referral.erasure.user_id IS 'The user.';
COMMENT ON COLUMN referral.erasure.requested_at IS 'When it was requested.';

CREATE TABLE referral.erasure_progress (
    user_id      text COLLATE "C" NOT NULL,
    requested_at timestamptz NOT NULL,
    began_at     timestamptz NOT NULL DEFAULT now(),
    completed_at timestamptz,
    PRIMARY KEY (user_id, requested_at)
);
COMMENT ON TABLE  referral.erasure_progress IS 'Result: progress of each row of erasure; no row: not begun.';
COMMENT ON COLUMN referral.erasure_progress.user_id IS 'The user.';
COMMENT ON COLUMN referral.erasure_progress.requested_at IS 'The request.';
COMMENT ON COLUMN referral.erasure_progress.began_at IS 'When its first step committed.';
COMMENT ON COLUMN referral.erasure_progress.completed_at IS 'When its last step committed; null: it is not completed.';

CREATE TABLE referral.erasing (
    user_id  text COLLATE "C" PRIMARY KEY,
    retry_at timestamptz,
    campaign text COLLATE "C"
);
CREATE INDEX erasing_retry ON referral.erasing (retry_at) WHERE retry_at IS NOT NULL;
COMMENT ON TABLE  referral.erasing IS 'Users whose erasure is not completed.';
COMMENT ON COLUMN referral.erasing.user_id IS 'The user.';
COMMENT ON COLUMN referral.erasing.retry_at IS 'When the next step is enqueued; null: it is in the change queue.';
COMMENT ON COLUMN referral.erasing.campaign IS 'The suspended campaign that the next step waits for; null: none.';

CREATE TABLE referral.erasing_visitor (
    user_id       text COLLATE "C" NOT NULL,
    visitor_id    text COLLATE "C" NOT NULL,
    salt          text NOT NULL DEFAULT gen_random_uuid()::text,
    listed_after  text COLLATE "C" NOT NULL DEFAULT '',
    listed        boolean NOT NULL DEFAULT false,
    settled_after text COLLATE "C" NOT NULL DEFAULT '',
    settled       boolean NOT NULL DEFAULT false,
    moved_after   text COLLATE "C" NOT NULL DEFAULT '',
    moved         boolean NOT NULL DEFAULT false,
    PRIMARY KEY (user_id, visitor_id)
);
COMMENT ON TABLE  referral.erasing_visitor IS 'Visitors of the users in erasing; the touches of these visitors are moved to random visitors.';
COMMENT ON COLUMN referral.erasing_visitor.user_id IS 'The user.';
COMMENT ON COLUMN referral.erasing_visitor.visitor_id IS 'The visitor.';
COMMENT ON COLUMN referral.erasing_visitor.salt IS 'Salt of the random visitors, one per code, to which the touches are moved.';
COMMENT ON COLUMN referral.erasing_visitor.listed_after IS 'The last other signup of the visitor that was enqueued to keep its attribution.';
COMMENT ON COLUMN referral.erasing_visitor.listed IS 'Whether all other signups of the visitor are enqueued.';
COMMENT ON COLUMN referral.erasing_visitor.settled_after IS 'The last other signup of the visitor that was decided since.';
COMMENT ON COLUMN referral.erasing_visitor.settled IS 'Whether all other signups were decided since, so that touches may be moved.';
COMMENT ON COLUMN referral.erasing_visitor.moved_after IS 'The last touch that was moved or skipped.';
COMMENT ON COLUMN referral.erasing_visitor.moved IS 'Whether all touches are moved.';

CREATE TABLE referral.shared_fingerprint (
    user_id  text COLLATE "C" NOT NULL,
    other_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (user_id, other_id)
);
COMMENT ON TABLE  referral.shared_fingerprint IS 'Result: two users whose signups shared a fingerprint when one of them was erased. There are two rows, one in each direction.';
COMMENT ON COLUMN referral.shared_fingerprint.user_id IS 'One of the users.';
COMMENT ON COLUMN referral.shared_fingerprint.other_id IS 'The other user.';

CREATE FUNCTION referral.enqueue_erasure() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO referral.change (shard, kind, key)
    SELECT DISTINCT referral.shard_of(user_id), 'Erasure', user_id FROM new_rows;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION referral.enqueue_erasure() IS 'Enqueues the users of new requests for erasure.';

CREATE TRIGGER erasure_inserted AFTER INSERT ON referral.erasure REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.enqueue_erasure();
CREATE TRIGGER erasure_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON referral.erasure
    FOR EACH STATEMENT EXECUTE FUNCTION referral.refuse_change();

CREATE FUNCTION referral.erase_user(user_id text) RETURNS void
    LANGUAGE sql
    BEGIN ATOMIC
        INSERT INTO referral.erasure (user_id) VALUES (erase_user.user_id) ON CONFLICT DO NOTHING;
    END;
COMMENT ON FUNCTION referral.erase_user IS 'Requests the erasure of a person: attributes, fingerprints, landing URLs, referers and the link between user and visitor. It deletes no fact and changes no amount and no decision. Another call erases what was written since. erasure_progress records when it is completed.';

REVOKE EXECUTE ON FUNCTION
    referral.apply_redemption(), referral.require_current_earnings(text, text), referral.enqueue_erasure()
    FROM PUBLIC;
