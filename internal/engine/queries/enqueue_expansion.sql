-- Enqueues changes of one kind, which expansions have brought to these points. Uses no index.
INSERT INTO referral.change (shard, kind, key, stage, resume_after)
SELECT referral.shard_of(key), $1, key, stage, resume_after FROM unnest($2::text[], $3::text[], $4::text[]) AS c(key, stage, resume_after);
