-- Noting changes: triggers append to referral.change in the writer's own
-- transaction, so that whoever writes a fact, by whatever client, is noticed.
--
-- They run once a statement over transition tables, as the schema's owner, so
-- that a writer needs no right on the engine's tables. There is no NOTIFY: it
-- would make commits wait for each other.

CREATE FUNCTION referral.note_referee() RETURNS trigger
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
COMMENT ON FUNCTION referral.note_referee() IS 'Notes the referees of written rows.';

-- A signup also concerns those its user invited, when it has fingerprints.
CREATE FUNCTION referral.note_signup() RETURNS trigger
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
        -- An erasure records with which referees a fingerprint is shared before it blanks the
        -- fingerprints, so the referees need not be decided again.
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
COMMENT ON FUNCTION referral.note_signup() IS 'Notes the referees, and as referrers those with fingerprints, of written signups.';

CREATE FUNCTION referral.note_visitor() RETURNS trigger
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
COMMENT ON FUNCTION referral.note_visitor() IS 'Notes the visitors of written touches. Of those that an erasure blanks the engine notes the visitor once, at the end.';

CREATE FUNCTION referral.note_code() RETURNS trigger
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
COMMENT ON FUNCTION referral.note_code() IS 'Notes the codes of written links.';

CREATE TRIGGER link_inserted AFTER INSERT ON referral.link REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.note_code();
CREATE TRIGGER link_updated AFTER UPDATE ON referral.link REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.note_code();
CREATE TRIGGER link_deleted AFTER DELETE ON referral.link REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.note_code();

CREATE TRIGGER touch_inserted AFTER INSERT ON referral.touch REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.note_visitor();
CREATE TRIGGER touch_updated AFTER UPDATE ON referral.touch REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.note_visitor();
CREATE TRIGGER touch_deleted AFTER DELETE ON referral.touch REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.note_visitor();

CREATE TRIGGER signup_inserted AFTER INSERT ON referral.signup REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.note_signup();
CREATE TRIGGER signup_updated AFTER UPDATE ON referral.signup REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.note_signup();
CREATE TRIGGER signup_deleted AFTER DELETE ON referral.signup REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.note_signup();

CREATE TRIGGER purchase_inserted AFTER INSERT ON referral.purchase REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.note_referee();
CREATE TRIGGER purchase_updated AFTER UPDATE ON referral.purchase REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.note_referee();
CREATE TRIGGER purchase_deleted AFTER DELETE ON referral.purchase REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.note_referee();

CREATE TRIGGER refund_inserted AFTER INSERT ON referral.refund REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.note_referee();
CREATE TRIGGER refund_updated AFTER UPDATE ON referral.refund REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.note_referee();
CREATE TRIGGER refund_deleted AFTER DELETE ON referral.refund REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.note_referee();

CREATE TRIGGER override_inserted AFTER INSERT ON referral.override REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.note_referee();
CREATE TRIGGER override_updated AFTER UPDATE ON referral.override REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.note_referee();
CREATE TRIGGER override_deleted AFTER DELETE ON referral.override REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.note_referee();

-- arrived_at is the database's word: its default stamps an insert, since
-- writers have no right to insert the column, and an update keeps the stamp.
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

-- A blanked touch stays as it is, whatever a retried write says. A blanked purchase that gets
-- attributes again is decided by these.
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
COMMENT ON FUNCTION referral.fill_blank() IS 'Takes the mark of an erasure off a purchase that has attributes again.';

CREATE TRIGGER purchase_filled BEFORE UPDATE ON referral.purchase
    FOR EACH ROW WHEN (OLD.blanked AND NEW.blanked AND NEW.attributes <> OLD.attributes) EXECUTE FUNCTION referral.fill_blank();

-- What must only ever grow.
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

-- Credit by hand counts in the transaction that records it.
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
COMMENT ON FUNCTION referral.apply_adjustment() IS 'Adds new adjustments to the writers'' rows of their accounts, by key, as redemptions do.';

CREATE TRIGGER adjustment_inserted AFTER INSERT ON referral.adjustment REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.apply_adjustment();

-- Whoever may execute a trigger function may hang it on a table of his own and
-- feed it rows he made up, with its owner's rights. Firing needs no such right.
REVOKE EXECUTE ON FUNCTION
    referral.note_referee(), referral.note_signup(), referral.note_visitor(), referral.note_code(),
    referral.keep_arrival(), referral.keep_blank(), referral.fill_blank(), referral.refuse_change(), referral.apply_adjustment()
    FROM PUBLIC;
