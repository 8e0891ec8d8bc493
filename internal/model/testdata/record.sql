-- Records every change to a result, in the order of commits.
CREATE SCHEMA proof;
CREATE TABLE proof.commits (number bigint GENERATED ALWAYS AS IDENTITY, tx bigint PRIMARY KEY);
CREATE TABLE proof.writes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tx bigint NOT NULL, of text NOT NULL, key text, was jsonb, is_now jsonb);

CREATE FUNCTION proof.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO proof.writes (tx, of, was, is_now)
    VALUES (pg_current_xact_id()::text::bigint, TG_TABLE_NAME,
            CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END, CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END);
    RETURN NULL;
END $$;

-- Runs at the end of a transaction, and holds a lock until the commit, so that commits are recorded
-- in their order.
CREATE FUNCTION proof.order() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7253);
    INSERT INTO proof.commits (tx) VALUES (NEW.tx) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON proof.writes DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION proof.order();

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['attribution', 'pair', 'credit', 'ledger', 'engine_account', 'writer_account', 'set_aside', 'referrer', 'pair_count', 'credit_count', 'waitlist', 'waitlist_referrer', 'withheld', 'incident'] LOOP
        EXECUTE format('CREATE TRIGGER proof AFTER INSERT OR UPDATE OR DELETE ON referral.%I FOR EACH ROW EXECUTE FUNCTION proof.note()', name);
    END LOOP;
END $$;
-- The progress of rollouts.
CREATE TRIGGER proof AFTER UPDATE ON referral.rollout FOR EACH ROW EXECUTE FUNCTION proof.note();
-- Declarations.
CREATE TRIGGER proof AFTER UPDATE ON referral.meta FOR EACH ROW WHEN (NEW.epoch <> OLD.epoch) EXECUTE FUNCTION proof.note();
-- The engine's steps of a reversal, without its beginning.
CREATE TRIGGER proof AFTER UPDATE ON referral.reversal FOR EACH ROW
    WHEN (NEW.done OR (NEW.resume_user, NEW.resume_purchase) > (OLD.resume_user, OLD.resume_purchase)) EXECUTE FUNCTION proof.note();

-- Refuses credits of some referees, so that the engine sets them aside.
CREATE TABLE proof.refused (user_id text PRIMARY KEY);
CREATE FUNCTION proof.refuse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM proof.refused WHERE user_id = NEW.user_id) THEN
        RAISE numeric_value_out_of_range USING MESSAGE = 'the credit is refused';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON referral.credit FOR EACH ROW EXECUTE FUNCTION proof.refuse();

-- An attribution records the exclusive or of the hashes of facts. So hashes of the present facts
-- are removed from it before the update, and added afterwards.
CREATE PROCEDURE proof.rehash() LANGUAGE sql AS $$
UPDATE referral.attribution AS a
   SET facts = facts
             # coalesce((SELECT referral.hash_of_signup(visitor_id, code, signed_up_at, arrived_at, fingerprints, attributes, blanked)
                           FROM referral.signup AS s WHERE s.user_id = a.user_id), 0)
             # coalesce((SELECT bit_xor(referral.hash_of_purchase(purchase_id, amount, currency, purchased_at, arrived_at, attributes, blanked, condition_held))
                           FROM referral.purchase AS p WHERE p.user_id = a.user_id), 0),
       via = via
             # coalesce((SELECT referral.hash_of_link(l.code, l.campaign, l.referrer_id, l.label, l.expires_at, l.disabled_at)
                           FROM referral.signup AS s JOIN referral.link AS l ON l.code = referral.normal_code(s.code)
                          WHERE s.user_id = a.user_id), 0)
             # coalesce((SELECT referral.hash_of_touch(t.touch_id, t.touched_at, t.code, t.campaign, t.referrer_id, t.label, t.expires_at, t.disabled_at)
                           FROM referral.signup AS s CROSS JOIN LATERAL referral.deciding_touch(s.user_id, s.visitor_id, s.signed_up_at) AS t
                          WHERE s.user_id = a.user_id AND NOT EXISTS (SELECT FROM referral.link AS typed WHERE typed.code = referral.normal_code(s.code))), 0);
$$;
