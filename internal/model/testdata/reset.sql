-- Forgets one history, as nobody but a superuser can.
SET LOCAL session_replication_role = replica;
DELETE FROM referral.campaign; DELETE FROM referral.revision;
DELETE FROM referral.link; DELETE FROM referral.touch; DELETE FROM referral.signup; DELETE FROM referral.purchase;
DELETE FROM referral.refund; DELETE FROM referral.override; DELETE FROM referral.adjustment;
DELETE FROM referral.attribution; DELETE FROM referral.pair; DELETE FROM referral.credit; DELETE FROM referral.ledger;
DELETE FROM referral.account; DELETE FROM referral.set_aside; DELETE FROM referral.change; DELETE FROM referral.parked;
DELETE FROM referral.referrer; DELETE FROM referral.pair_count; DELETE FROM referral.credit_count; DELETE FROM referral.rollout;
DELETE FROM proof.writes; DELETE FROM proof.commits;
UPDATE referral.meta SET attribution = 'LastTouch', suspended = false, epoch = epoch + 1;
UPDATE referral.owner SET generation = 0;
