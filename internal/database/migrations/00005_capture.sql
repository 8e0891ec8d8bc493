-- Capture: triggers append to the change queue in the writer's own transaction, so that every write
-- of a fact is noticed, whatever the client.
--
-- A trigger runs once per statement over transition tables, as the schema's owner, so that a writer
-- needs no right on the engine's tables. There is no NOTIFY: it would serialise commits.

CREATE FUNCTION referral.enqueue_referee() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO referral.change (shard, kind, key)
        SELECT DISTINCT referral.shard_of(user_id), 'Referee', user_id FROM new_rows;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO referral.change (shard, kind, key)
        SELECT DISTINCT referral.shard_of(user_id), 'Referee', user_id FROM old_rows;
    ELSE
        INSERT INTO referral.change (shard, kind, key)
        SELECT referral.shard_of(user_id), 'Referee', user_id
          FROM (SELECT user_id FROM new_rows UNION SELECT user_id FROM old_rows) AS touched;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION referral.enqueue_referee() IS 'Enqueues the referees of written rows.';

-- A signup with fingerprints also concerns the referees that its user invited.
CREATE FUNCTION referral.enqueue_signup() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO referral.change (shard, kind, key)
        SELECT referral.shard_of(user_id), 'Referee', user_id FROM new_rows
        UNION ALL
        SELECT referral.shard_of(user_id), 'Referrer', user_id FROM new_rows WHERE fingerprints <> '{}';
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO referral.change (shard, kind, key)
        SELECT referral.shard_of(user_id), 'Referee', user_id FROM old_rows
        UNION ALL
        SELECT referral.shard_of(user_id), 'Referrer', user_id FROM old_rows WHERE fingerprints <> '{}';
    ELSE
        -- An erasure records the referees that share a fingerprint before it blanks the
        -- fingerprints, so they need not be decided again.
        INSERT INTO referral.change (shard, kind, key)
        SELECT referral.shard_of(user_id), 'Referee', user_id
          FROM (SELECT user_id FROM new_rows UNION SELECT user_id FROM old_rows) AS touched
        UNION ALL
        SELECT referral.shard_of(user_id), 'Referrer', user_id
          FROM old_rows AS o FULL JOIN new_rows AS n USING (user_id)
         WHERE (o.fingerprints <> '{}' OR n.fingerprints <> '{}')
           AND NOT coalesce(n.blanked AND NOT o.blanked AND n.fingerprints = '{}', false);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION referral.enqueue_signup() IS 'Enqueues the users of written signups as referees, and those with fingerprints as referrers too.';

CREATE FUNCTION referral.enqueue_visitor() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO referral.change (shard, kind, key)
        SELECT DISTINCT referral.shard_of(visitor_id), 'Visitor', visitor_id FROM new_rows WHERE NOT blanked;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO referral.change (shard, kind, key)
        SELECT DISTINCT referral.shard_of(visitor_id), 'Visitor', visitor_id FROM old_rows;
    ELSIF EXISTS (SELECT FROM new_rows WHERE NOT blanked) THEN
        INSERT INTO referral.change (shard, kind, key)
        SELECT referral.shard_of(visitor_id), 'Visitor', visitor_id
          FROM (SELECT visitor_id FROM new_rows UNION SELECT visitor_id FROM old_rows) AS touched;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION referral.enqueue_visitor() IS 'Enqueues the visitors of written touches. For touches that an erasure blanks the engine enqueues the visitor once, at the end.';

CREATE FUNCTION referral.enqueue_code() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO referral.change (shard, kind, key)
        SELECT referral.shard_of(code), 'Code', code FROM new_rows;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO referral.change (shard, kind, key)
        SELECT referral.shard_of(code), 'Code', code FROM old_rows;
    ELSE
        INSERT INTO referral.change (shard, kind, key)
        SELECT referral.shard_of(code), 'Code', code
          FROM (SELECT code FROM new_rows UNION SELECT code FROM old_rows) AS touched;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION referral.enqueue_code() IS 'Enqueues the codes of written links.';

CREATE TRIGGER link_inserted AFTER INSERT ON referral.link REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.enqueue_code();
CREATE TRIGGER link_updated AFTER UPDATE ON referral.link REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.enqueue_code();
CREATE TRIGGER link_deleted AFTER DELETE ON referral.link REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.enqueue_code();

CREATE TRIGGER touch_inserted AFTER INSERT ON referral.touch REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.enqueue_visitor();
CREATE TRIGGER touch_updated AFTER UPDATE ON referral.touch REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.enqueue_visitor();
CREATE TRIGGER touch_deleted AFTER DELETE ON referral.touch REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.enqueue_visitor();

CREATE TRIGGER signup_inserted AFTER INSERT ON referral.signup REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.enqueue_signup();
CREATE TRIGGER signup_updated AFTER UPDATE ON referral.signup REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.enqueue_signup();
CREATE TRIGGER signup_deleted AFTER DELETE ON referral.signup REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.enqueue_signup();

CREATE TRIGGER purchase_inserted AFTER INSERT ON referral.purchase REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.enqueue_referee();
CREATE TRIGGER purchase_updated AFTER UPDATE ON referral.purchase REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.enqueue_referee();
CREATE TRIGGER purchase_deleted AFTER DELETE ON referral.purchase REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.enqueue_referee();

CREATE TRIGGER refund_inserted AFTER INSERT ON referral.refund REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.enqueue_referee();
CREATE TRIGGER refund_updated AFTER UPDATE ON referral.refund REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.enqueue_referee();
CREATE TRIGGER refund_deleted AFTER DELETE ON referral.refund REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.enqueue_referee();

CREATE TRIGGER override_inserted AFTER INSERT ON referral.override REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.enqueue_referee();
CREATE TRIGGER override_updated AFTER UPDATE ON referral.override REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.enqueue_referee();
CREATE TRIGGER override_deleted AFTER DELETE ON referral.override REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.enqueue_referee();

-- Only the database sets arrived_at: writers have no right to insert the column, so an insert gets
-- the default, and an update keeps the value.
CREATE FUNCTION referral.keep_arrival() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.arrived_at := OLD.arrived_at;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION referral.keep_arrival() IS 'Keeps arrived_at as it was.';

CREATE TRIGGER signup_arrival BEFORE UPDATE ON referral.signup
    FOR EACH ROW WHEN (NEW.arrived_at IS DISTINCT FROM OLD.arrived_at) EXECUTE FUNCTION referral.keep_arrival();
CREATE TRIGGER purchase_arrival BEFORE UPDATE ON referral.purchase
    FOR EACH ROW WHEN (NEW.arrived_at IS DISTINCT FROM OLD.arrived_at) EXECUTE FUNCTION referral.keep_arrival();

-- A blanked touch stays as it is: a retried write changes nothing. A blanked purchase that gets
-- attributes again is decided by the new ones.
CREATE FUNCTION referral.keep_blank() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN NULL;
END $$;
COMMENT ON FUNCTION referral.keep_blank() IS 'Ignores an update of a blanked touch.';

CREATE TRIGGER touch_blanked BEFORE UPDATE ON referral.touch
    FOR EACH ROW WHEN (OLD.blanked) EXECUTE FUNCTION referral.keep_blank();

CREATE FUNCTION referral.fill_blank() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.blanked := false;
    NEW.condition_held := NULL;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION referral.fill_blank() IS 'Removes the mark of an erasure from a purchase that gets attributes again.';

CREATE TRIGGER purchase_filled BEFORE UPDATE ON referral.purchase
    FOR EACH ROW WHEN (OLD.blanked AND NEW.blanked AND NEW.attributes <> OLD.attributes) EXECUTE FUNCTION referral.fill_blank();

-- Append-only tables.
CREATE FUNCTION referral.refuse_change() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '%.% is append-only: % refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'integrity_constraint_violation', HINT = 'Append an entry that corrects it.';
END $$;
COMMENT ON FUNCTION referral.refuse_change() IS 'Refuses UPDATE, DELETE and TRUNCATE.';

CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON referral.ledger
    FOR EACH STATEMENT EXECUTE FUNCTION referral.refuse_change();
CREATE TRIGGER adjustment_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON referral.adjustment
    FOR EACH STATEMENT EXECUTE FUNCTION referral.refuse_change();

-- An adjustment changes the account in the transaction that records it.
CREATE FUNCTION referral.apply_adjustment() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO referral.writer_account AS w (beneficiary_id, currency, adjusted)
    SELECT beneficiary_id, currency, sum(amount) FROM new_rows
     GROUP BY beneficiary_id, currency
     ORDER BY beneficiary_id, currency
    ON CONFLICT (beneficiary_id, currency) DO UPDATE SET adjusted = w.adjusted + excluded.adjusted;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION referral.apply_adjustment() IS 'Adds new adjustments to the writers'' rows of their accounts, in the order of keys, as redemptions do.';

CREATE TRIGGER adjustment_inserted AFTER INSERT ON referral.adjustment REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.apply_adjustment();

-- A role that may execute a trigger function can attach it to a table of its own and feed it
-- invented rows with the rights of the function's owner. A trigger fires without that right.
REVOKE EXECUTE ON FUNCTION
    referral.enqueue_referee(), referral.enqueue_signup(), referral.enqueue_visitor(), referral.enqueue_code(),
    referral.keep_arrival(), referral.keep_blank(), referral.fill_blank(), referral.refuse_change(), referral.apply_adjustment()
    FROM PUBLIC;
