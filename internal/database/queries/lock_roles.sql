-- One replica at a time changes rights; reading them goes on.
LOCK TABLE referral.role_grant IN SHARE ROW EXCLUSIVE MODE
