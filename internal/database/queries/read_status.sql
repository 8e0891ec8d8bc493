-- Everything that is reported of a database and its campaigns: a row for each campaign, or one row
-- if there is none. Reads table campaign whole. The cost does not grow with the past: counters have
-- a row per shard, and pending changes are counted up to $1. The oldest change is found by one lookup
-- per shard in change_pkey, since the first change of each shard was enqueued first.
SELECT split_part(current_setting('server_version'), ' ', 1),
       m.schema_version, m.rules_version, m.suspended, m.attribution, (SELECT touches FROM referral.retention),
       coalesce(o.installation, ''), coalesce(o.name, ''), coalesce(o.uid, ''), coalesce(o.generation, 0), o.heartbeat_at, o.released_at,
       coalesce(o.heartbeat_at < clock_timestamp() - interval '5 minutes', false),
       (SELECT count(*) FROM (SELECT FROM referral.change LIMIT $1) AS counted),
       (SELECT min(first.enqueued_at)
          FROM referral.shard AS s,
               LATERAL (SELECT enqueued_at FROM referral.change WHERE shard = s.shard ORDER BY xid, id LIMIT 1) AS first),
       (SELECT count(*) FROM referral.set_aside),
       coalesce(c.name, ''), coalesce(c.mode, ''), coalesce(c.uid, ''), coalesce(c.policy, ''),
       coalesce(r.revision, 0), coalesce(r.digest, ''),
       c.declared_at, c.budget_amount, c.budget_currency,
       p.awaiting_purchase, p.waiting, p.held, p.granted, p.reversed, p.condition_errors, p.changed_at,
       ro.revision, least(p.revised - ro.revised_before, ro.total)::bigint, ro.total,
       ro.enqueued_up_to IS NOT NULL AND NOT referral.pending_up_to(ro.enqueued_up_to)
       AND NOT EXISTS (SELECT FROM referral.deferred AS d WHERE d.campaign = c.name), -- else the rollout moves their pairs later
       k.credits,
       s.ended_at, coalesce(s.ended_at > clock_timestamp(), false), coalesce(s.handled, ''), coalesce(s.drift_corrected, 0), coalesce(s.found, ''),
       i.id, coalesce(i.reported, 0), coalesce(i.present, 0),
       EXISTS (SELECT FROM referral.incident AS n WHERE n.campaign = c.name AND n.state = 'Open')
  FROM (SELECT * FROM referral.meta LIMIT 1) AS m -- one row, which the planner does not know
  LEFT JOIN (SELECT * FROM referral.owner LIMIT 1) AS o ON true
  LEFT JOIN referral.campaign AS c ON true
  LEFT JOIN LATERAL (SELECT revision, digest FROM referral.revision
                      WHERE campaign = c.name ORDER BY revision DESC LIMIT 1) AS r ON true
  LEFT JOIN LATERAL (SELECT revision, total, revised_before, enqueued_up_to FROM referral.rollout
                      WHERE campaign = c.name AND (reached_all OR revision = r.revision) -- else it was stopped
                      ORDER BY revision DESC LIMIT 1) AS ro ON true
  LEFT JOIN referral.resync_campaign AS s ON s.campaign = c.name
  LEFT JOIN LATERAL (SELECT id, reported, present FROM referral.incident
                      WHERE campaign = c.name AND cause = 'MassReversal' AND state = 'Reported'
                      ORDER BY began_at, id LIMIT 1) AS i ON true
 CROSS JOIN LATERAL (SELECT coalesce(sum(awaiting_purchase), 0)::bigint AS awaiting_purchase,
                            coalesce(sum(waiting), 0)::bigint AS waiting, coalesce(sum(held), 0)::bigint AS held,
                            coalesce(sum(granted), 0)::bigint AS granted, coalesce(sum(reversed), 0)::bigint AS reversed,
                            coalesce(sum(revised), 0)::bigint AS revised,
                            coalesce(sum(condition_errors), 0)::bigint AS condition_errors,
                            max(changed_at) AS changed_at
                       FROM referral.pair_count WHERE campaign = c.name) AS p
 CROSS JOIN LATERAL (SELECT coalesce(jsonb_agg(jsonb_build_object('currency', currency, 'granted', granted,
                                                                  'held', held, 'reversed', reversed) ORDER BY currency), '[]') AS credits
                       FROM (SELECT currency, sum(granted) AS granted, sum(held) AS held, sum(reversed) AS reversed
                               FROM referral.credit_count WHERE campaign = c.name GROUP BY currency) AS summed) AS k
 ORDER BY c.name
