-- Comments that were wrong or hard to read.
COMMENT ON COLUMN referral.link.expires_at IS 'From then on a touch, or a signup that types the code, is attributed to nothing; earlier touches still count. Null: never.';
COMMENT ON COLUMN referral.link.disabled_at IS 'From then on a touch, or a signup that types the code, is attributed to nothing; earlier touches still count. Null: not disabled.';
COMMENT ON TABLE  referral.revision IS 'Every version of the terms a campaign has followed. Never deleted. Only a newest revision that was recorded with limits is rewritten, without them.';
COMMENT ON TABLE  referral.rollout IS 'One row per revision that reaches earlier pairs: the progress of its rollout. A newer revision of the campaign stops the rollout where it is.';
COMMENT ON COLUMN referral.rollout.reached IS 'The last user_id that was enqueued. The revision reaches earlier pairs only of referees up to this one.';
COMMENT ON TABLE  referral.resync_request IS 'Requests for a comparison because a table of facts was truncated, or because ledger entries that the engine did not make were corrected.';
COMMENT ON COLUMN referral.resync_request.fact IS 'The table of facts that was truncated, or ledger, for people.';
COMMENT ON COLUMN referral.resync_request.requested_at IS 'When that happened.';
COMMENT ON COLUMN referral.pair.state IS 'Held, Granted, Waiting (counts, and is not admitted: there is no capacity, or the campaign is not open) or Reversed.';
