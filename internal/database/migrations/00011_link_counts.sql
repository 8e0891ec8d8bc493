-- Counts of the touches and actions of each link, so that a list of links counts nothing when it is
-- asked for. A writer only inserts a change of the counts, in its own transaction: no two writers wait
-- for a popular link. The engine adds the changes up.
--
-- The touches and actions of before are counted once, here. Those that are written while this runs
-- may be missing from the counts.
CREATE TABLE referral.link_count (
    code   text COLLATE "C" NOT NULL,
    action text COLLATE "C" NOT NULL,
    times  bigint NOT NULL,
    PRIMARY KEY (code, action)
);
COMMENT ON TABLE  referral.link_count IS 'Result: how often a link was followed, and each action was done, up to the rows of link_count_change.';
COMMENT ON COLUMN referral.link_count.code IS 'Code of the link, as normal_code writes it.';
COMMENT ON COLUMN referral.link_count.action IS 'The action; empty: a touch.';
COMMENT ON COLUMN referral.link_count.times IS 'How often, ever: it does not shrink when touches are deleted.';

CREATE TABLE referral.link_count_change (
    id     bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    code   text COLLATE "C" NOT NULL,
    action text COLLATE "C" NOT NULL,
    times  bigint NOT NULL
);
CREATE INDEX link_count_change_code ON referral.link_count_change (code);
COMMENT ON TABLE  referral.link_count_change IS 'What is to be added to link_count.';
COMMENT ON COLUMN referral.link_count_change.id IS 'Identifies the row.';
COMMENT ON COLUMN referral.link_count_change.code IS 'Code of the link, as normal_code writes it.';
COMMENT ON COLUMN referral.link_count_change.action IS 'The action; empty: a touch.';
COMMENT ON COLUMN referral.link_count_change.times IS 'How often.';

INSERT INTO referral.link_count (code, action, times)
SELECT referral.normal_code(code), '', count(*) FROM referral.touch
 WHERE NOT blanked AND referral.normal_code(code) IS NOT NULL
 GROUP BY referral.normal_code(code);
INSERT INTO referral.link_count (code, action, times)
SELECT code, action, count(*) FROM referral.action WHERE code IS NOT NULL GROUP BY code, action;

CREATE OR REPLACE FUNCTION referral.enqueue_visitor() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO referral.change (shard, kind, key)
        SELECT DISTINCT referral.shard_of(visitor_id), 'Visitor', visitor_id FROM new_rows WHERE NOT blanked;
        INSERT INTO referral.link_count_change (code, action, times)
        SELECT referral.normal_code(code), '', count(*) FROM new_rows
         WHERE NOT blanked AND referral.normal_code(code) IS NOT NULL
         GROUP BY referral.normal_code(code);
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
COMMENT ON FUNCTION referral.enqueue_visitor() IS 'Enqueues the visitors of written touches, and counts new touches. For touches that an erasure blanks the engine enqueues the visitor once, at the end.';

CREATE FUNCTION referral.count_actions() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO referral.link_count_change (code, action, times)
    SELECT code, action, count(*) FROM new_rows WHERE code IS NOT NULL GROUP BY code, action;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION referral.count_actions() IS 'Counts new actions.';
REVOKE EXECUTE ON FUNCTION referral.count_actions() FROM PUBLIC;

-- Last, because it locks the table against writers until the transaction ends.
CREATE TRIGGER action_inserted AFTER INSERT ON referral.action REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION referral.count_actions();
