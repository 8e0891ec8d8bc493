-- Last statement of a batch: had the configuration moved, it would have to be
-- decided anew. FOR SHARE makes whoever moves it next wait for this commit.
SELECT epoch FROM referral.meta FOR SHARE;
