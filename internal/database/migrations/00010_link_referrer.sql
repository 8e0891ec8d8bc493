-- A referrer's links are found by who shares them: to make each of them once,
-- and to list them.
CREATE INDEX link_referrer ON referral.link (referrer_id, code);
