-- What a rollout makes pairs earn more needs capacity of the budget. If there is not enough for all
-- of it, it goes to the pairs in admission order once the rollout has moved every pair that it
-- reaches, so batches have to know when it has.

-- Reports whether the rollout of campaign $1 has still to move pairs: referees are yet to be
-- enqueued, or are enqueued. A campaign that was resumed has yet to enqueue those that were
-- deferred. A rollout that a newer revision stopped moves nothing.
-- Uses rollout_pkey, revision_pkey, change_pkey with one probe per shard, and change_key.
CREATE FUNCTION referral.rolling_out(text) RETURNS boolean
    LANGUAGE sql STABLE
    BEGIN ATOMIC
SELECT EXISTS (SELECT
                 FROM referral.rollout AS o
                WHERE o.campaign = $1
                  AND (o.reached_all OR o.revision = (SELECT max(r.revision) FROM referral.revision AS r WHERE r.campaign = $1))
                  AND (NOT o.reached_all
                       OR EXISTS (SELECT FROM referral.change AS c WHERE c.kind = 'Campaign' AND c.key = $1)
                       OR EXISTS (SELECT
                                    FROM referral.shard AS s
                                   CROSS JOIN LATERAL (SELECT FROM referral.change AS c
                                                        WHERE c.shard = s.shard AND c.xid <= o.enqueued_up_to LIMIT 1) AS pending)));
END;
COMMENT ON FUNCTION referral.rolling_out(text) IS 'Reports whether the rollout of a campaign has still to move pairs.';
