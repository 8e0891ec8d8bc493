-- Comments that were wrong or hard to read.
COMMENT ON COLUMN referral.link.expires_at IS 'From then on a touch, or a signup that types the code, is attributed to nothing; earlier touches still count. Null: never.';
COMMENT ON COLUMN referral.link.disabled_at IS 'From then on a touch, or a signup that types the code, is attributed to nothing; earlier touches still count. Null: not disabled.';
COMMENT ON TABLE  referral.revision IS 'Every version of the terms a campaign has followed. Never deleted. Only a newest revision that was recorded with limits is rewritten, without them.';
COMMENT ON TABLE  referral.rollout IS 'One row per revision that reaches earlier pairs: the progress of its rollout. A newer revision of the campaign stops the rollout where it is.';
COMMENT ON COLUMN referral.rollout.reached IS 'The last user_id that was enqueued. The revision reaches earlier pairs only of referees up to this one.';
