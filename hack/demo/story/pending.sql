-- Whether anything waits to be decided. Rides on the key of change.
SELECT EXISTS (SELECT FROM referral.change);
