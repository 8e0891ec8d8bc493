-- What the tracker brings: actions worth remembering, credit that is spent, and
-- people who are forgotten. Whoever writes SQL may use all of it without one.

CREATE TABLE referral.action (
    actor_id   text COLLATE "C" NOT NULL GENERATED ALWAYS AS (coalesce(user_id, visitor_id)) STORED,
    action_id  text COLLATE "C" NOT NULL DEFAULT gen_random_uuid()::text CHECK (length(action_id) BETWEEN 1 AND 255),
    user_id    text COLLATE "C" CHECK (length(user_id) BETWEEN 1 AND 255),
    visitor_id text COLLATE "C" CHECK (length(visitor_id) BETWEEN 1 AND 255),
    code       text COLLATE "C" CHECK (length(code) BETWEEN 1 AND 255 AND code = lower(code COLLATE "default")),
    action     text COLLATE "C" NOT NULL CHECK (length(action) BETWEEN 1 AND 255),
    target     text NOT NULL DEFAULT '' CHECK (length(target) <= 2048),
    acted_at   timestamptz NOT NULL DEFAULT now() CHECK (isfinite(acted_at)),
    PRIMARY KEY (actor_id, action_id)
);
CREATE INDEX action_code ON referral.action (code, action) WHERE code IS NOT NULL;
COMMENT ON TABLE  referral.action IS 'Fact: anything else worth remembering that a visitor or user did. No policy looks at it.';
COMMENT ON COLUMN referral.action.actor_id IS 'Who did it: the user, or the visitor where no user is known.';
COMMENT ON COLUMN referral.action.action_id IS 'Tells one action from another; give your own to make a retried write harmless.';
COMMENT ON COLUMN referral.action.user_id IS 'The user; null if not known.';
COMMENT ON COLUMN referral.action.visitor_id IS 'The visitor; null if not known.';
COMMENT ON COLUMN referral.action.code IS 'Code of the link it is counted for, lower case; null: of none.';
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
COMMENT ON COLUMN referral.redemption.beneficiary_id IS 'Whose credit.';
COMMENT ON COLUMN referral.redemption.redemption_id IS 'The application''s number of it, such as the order it was spent on.';
COMMENT ON COLUMN referral.redemption.amount IS 'Minor units, above zero.';
COMMENT ON COLUMN referral.redemption.currency IS 'ISO 4217, three capital letters.';
COMMENT ON COLUMN referral.redemption.reason IS 'What for, for people.';
COMMENT ON COLUMN referral.redemption.author IS 'Who spent it, for people.';
COMMENT ON COLUMN referral.redemption.created_at IS 'When it was spent.';

-- Credit is spent in the transaction that records it, and only where there is
-- enough of it. A redemption locks the writers' row of the account, so that of two
-- redemptions the second sees what the first left, and reads the engine's row after.
-- It waits for no batch: a reversal that commits later may take the balance below
-- zero.
--
-- A transaction that is not READ COMMITTED reads as of its beginning. Where the
-- writers' row has changed since, Postgres refuses to lock it; where the engine's
-- has, referral.require_current_earnings refuses. Both with SQLSTATE 40001: the
-- transaction is to be done again.
CREATE FUNCTION referral.apply_redemption() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    spent  record;
    own    numeric; -- what the writers' row comes to
    earned numeric;
BEGIN
    FOR spent IN
        SELECT beneficiary_id, currency, sum(amount) AS amount FROM new_rows
         GROUP BY beneficiary_id, currency
         ORDER BY beneficiary_id, currency -- as adjustments do
    LOOP
        INSERT INTO referral.writer_account AS w (beneficiary_id, currency, redeemed)
        VALUES (spent.beneficiary_id, spent.currency, spent.amount)
            ON CONFLICT (beneficiary_id, currency) DO UPDATE SET redeemed = w.redeemed + excluded.redeemed
        RETURNING w.adjusted - w.redeemed INTO own;
        IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
            PERFORM referral.require_current_earnings(spent.beneficiary_id, spent.currency);
        END IF;
        -- A statement of its own: in READ COMMITTED it sees what was committed before the lock.
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

-- The share lock fails where the row was changed after the transaction's snapshot
-- was taken. A row that a batch is changing right now is skipped: until that
-- commits, what the snapshot has is what there is. A row that the snapshot does not
-- have counts as 0, never more than it holds. The lock ends with the inner block,
-- before the function returns, so that no batch waits for the transaction.
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
COMMENT ON FUNCTION referral.require_current_earnings IS 'Fails with a serialization failure if the engine''s row of an account is newer than the transaction''s snapshot. Locks nothing for longer.';

CREATE TRIGGER redemption_inserted AFTER INSERT ON referral.redemption REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.apply_redemption();
CREATE TRIGGER redemption_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON referral.redemption
    FOR EACH STATEMENT EXECUTE FUNCTION referral.refuse_change();

-- Forgetting somebody takes what tells about the person and leaves what money
-- rests on. What was concluded from it stays: a touch's attribution, that a
-- condition held, and whom a fingerprint was shared with.
ALTER TABLE referral.signup
    ADD COLUMN erased_at   timestamptz,
    ADD COLUMN shared_with text[];
COMMENT ON COLUMN referral.signup.erased_at IS 'When the person was forgotten; null: not. Set by the database, never by the writer.';
COMMENT ON COLUMN referral.signup.shared_with IS 'With which referrers and referees a fingerprint was shared when it was forgotten. Set by the database, never by the writer.';

-- Those to whom no link leads any more when their campaign changes.
CREATE INDEX attribution_forgotten ON referral.attribution (campaign, user_id) WHERE source = 'Touch' AND visitor_id IS NULL;

CREATE TABLE referral.erasure (
    user_id   text COLLATE "C" NOT NULL CHECK (length(user_id) BETWEEN 1 AND 255),
    erased_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, erased_at)
);
COMMENT ON TABLE  referral.erasure IS 'Fact: somebody was to be forgotten. Write it by erase_user.';
COMMENT ON COLUMN referral.erasure.user_id IS 'Who.';
COMMENT ON COLUMN referral.erasure.erased_at IS 'When. Set by the database, never by the writer.';

CREATE FUNCTION referral.apply_erasure() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own referral.signup;
BEGIN
    -- Nobody decides about the user meanwhile, and what is still to be decided
    -- is to be decided on the facts as they are.
    PERFORM FROM referral.shard WHERE shard = referral.shard_of(NEW.user_id) FOR UPDATE;
    SELECT * INTO own FROM referral.signup WHERE user_id = NEW.user_id;
    IF own.erased_at IS NOT NULL AND own.visitor_id IS NULL AND own.fingerprints = '{}' AND own.attributes = '{}'
       AND NOT EXISTS (SELECT FROM referral.purchase WHERE user_id = NEW.user_id AND attributes <> '{}')
       AND NOT EXISTS (SELECT FROM referral.action WHERE user_id = NEW.user_id AND visitor_id IS NOT NULL) THEN
        RETURN NULL; -- asked again, with nothing new to forget
    END IF;
    IF EXISTS (SELECT FROM referral.change WHERE shard = referral.shard_of(NEW.user_id) AND key = NEW.user_id)
       OR EXISTS (SELECT FROM referral.change WHERE shard = referral.shard_of(own.visitor_id) AND key = own.visitor_id AND kind = 'Visitor')
       OR EXISTS (SELECT FROM referral.deferred AS p JOIN referral.campaign AS c ON c.name = p.campaign
                   WHERE p.user_id = NEW.user_id AND c.mode = 'Suspended') THEN
        RAISE EXCEPTION 'facts of user % are still to be decided', NEW.user_id
            USING ERRCODE = 'object_in_use', HINT = 'Try again in a moment; if the database or the campaign is suspended, when it is resumed.';
    END IF;

    UPDATE referral.touch SET landing_url = NULL, referer = NULL
     WHERE visitor_id IN (own.visitor_id, (SELECT visitor_id FROM referral.attribution WHERE user_id = NEW.user_id))
       AND (landing_url IS NOT NULL OR referer IS NOT NULL);
    UPDATE referral.action SET visitor_id = NULL WHERE user_id = NEW.user_id AND visitor_id IS NOT NULL;
    UPDATE referral.purchase SET attributes = '{}' WHERE user_id = NEW.user_id AND attributes <> '{}';
    -- The seal goes with the row, unless it was broken before.
    UPDATE referral.attribution SET visitor_id = NULL, touch_id = NULL,
           seal = CASE WHEN seal = referral.seal_of_attribution(user_id, campaign, code, referrer_id, label, touched_at, source, visitor_id, touch_id)
                       THEN referral.seal_of_attribution(user_id, campaign, code, referrer_id, label, touched_at, source, NULL, NULL)
                       ELSE seal END
     WHERE user_id = NEW.user_id AND visitor_id IS NOT NULL;
    UPDATE referral.signup SET attributes = '{}', fingerprints = '{}', visitor_id = NULL, erased_at = NEW.erased_at,
           shared_with = ARRAY(
               SELECT unnest(own.shared_with)
               UNION
               SELECT a.referrer_id FROM referral.attribution AS a JOIN referral.signup AS s ON s.user_id = a.referrer_id
                WHERE a.user_id = NEW.user_id AND (s.fingerprints && own.fingerprints OR NEW.user_id = ANY (s.shared_with))
               UNION
               SELECT a.user_id FROM referral.attribution AS a JOIN referral.signup AS s ON s.user_id = a.user_id
                WHERE a.referrer_id = NEW.user_id AND (s.fingerprints && own.fingerprints OR NEW.user_id = ANY (s.shared_with)))
     WHERE user_id = NEW.user_id;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION referral.apply_erasure() IS 'Blanks what tells about a person, and notes what was concluded from it.';

CREATE TRIGGER erasure_inserted AFTER INSERT ON referral.erasure
    FOR EACH ROW EXECUTE FUNCTION referral.apply_erasure();
CREATE TRIGGER erasure_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON referral.erasure
    FOR EACH STATEMENT EXECUTE FUNCTION referral.refuse_change();

CREATE FUNCTION referral.erase_user(user_id text) RETURNS void
    LANGUAGE sql
    BEGIN ATOMIC
        INSERT INTO referral.erasure (user_id) VALUES (erase_user.user_id) ON CONFLICT DO NOTHING;
    END;
COMMENT ON FUNCTION referral.erase_user IS 'Forgets a person: blanks attributes, fingerprints, landing URLs, referers and visitor links. Deletes no fact, changes no amount and no decision. Do it again for what is written afterwards.';

REVOKE EXECUTE ON FUNCTION
    referral.apply_redemption(), referral.require_current_earnings(text, text), referral.apply_erasure()
    FROM PUBLIC;
