-- What makes an idle database cheap: a poll whose plan is kept, and the replicas that share it.

-- The poll of an idle database. drawn is how many numbers changes and allocation requests have
-- drawn: while it stays the same, and the transactions that drew them have ended, the queue of an
-- engine that found it empty is empty. due: a hold that ends at the given time has ended, or a
-- postponed erasure or a comparison is due.
--
-- A function of PL/pgSQL keeps its plan for as long as its connection lives; planning would take
-- longer than all lookups. It sets no search_path, which would take as long again, so it qualifies
-- functions, types and operators. Uses erasing_retry; all other tables have few rows.
CREATE FUNCTION referral.poll_idle(hold_ends timestamptz, OUT epoch bigint, OUT drawn bigint, OUT due boolean)
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT m.epoch, -- is_called: before the first number last_value is the first number already
           changes.last_value OPERATOR(pg_catalog.+) CASE WHEN changes.is_called THEN 1 ELSE 0 END
               OPERATOR(pg_catalog.+) requests.last_value OPERATOR(pg_catalog.+) CASE WHEN requests.is_called THEN 1 ELSE 0 END,
           coalesce(hold_ends OPERATOR(pg_catalog.<=) pg_catalog.now(), false)
               OR EXISTS (SELECT FROM referral.erasing AS e WHERE e.retry_at OPERATOR(pg_catalog.<=) pg_catalog.now())
               OR (SELECT r.next_at OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp() FROM referral.resync AS r)
                  AND EXISTS (SELECT
                                FROM referral.campaign AS c
                                LEFT JOIN referral.resync_campaign AS r ON r.campaign OPERATOR(pg_catalog.=) c.name
                               WHERE c.mode OPERATOR(pg_catalog.<>) 'Suspended'
                                 AND (coalesce(r.requested OPERATOR(pg_catalog.<>) r.handled, false)
                                      OR coalesce(r.ended_at, c.declared_at)
                                         OPERATOR(pg_catalog.+) (c.resync_interval OPERATOR(pg_catalog.*) interval '1 microsecond')
                                         OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp()
                                      OR EXISTS (SELECT FROM referral.resync_request AS q WHERE q.campaign OPERATOR(pg_catalog.=) c.name)))
      INTO epoch, drawn, due
      FROM referral.meta AS m, referral.change_id_seq AS changes, referral.allocation_request_id_seq AS requests;
END $$;
COMMENT ON FUNCTION referral.poll_idle IS 'What an idle engine looks at: the epoch, whether anything may have been enqueued, and whether anything is due.';
REVOKE EXECUTE ON FUNCTION referral.poll_idle(timestamptz) FROM PUBLIC;

CREATE TABLE referral.replica (
    id      text COLLATE "C" PRIMARY KEY,
    seen_at timestamptz NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE  referral.replica IS 'Replicas of the operator that run an engine on this schema. They share the polls of an idle database.';
COMMENT ON COLUMN referral.replica.id IS 'Names one run of one process.';
COMMENT ON COLUMN referral.replica.seen_at IS 'When it was last alive, to about a minute.';
