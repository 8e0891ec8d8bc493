-- Other replicas change no rights until this transaction ends. Readers are not blocked.
LOCK TABLE referral.role_grant IN SHARE ROW EXCLUSIVE MODE
