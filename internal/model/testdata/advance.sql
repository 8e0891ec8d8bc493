-- Lets time pass: moves the times of all rows by $1 into the past. Uses no index.
SET LOCAL session_replication_role = replica;
CALL proof.rehash();
UPDATE referral.campaign SET starts_at = starts_at - $1::interval, ends_at = ends_at - $1::interval, declared_at = declared_at - $1::interval;
UPDATE referral.revision SET recorded_at = recorded_at - $1::interval;
UPDATE referral.link SET created_at = created_at - $1::interval, expires_at = expires_at - $1::interval, disabled_at = disabled_at - $1::interval;
UPDATE referral.touch SET touched_at = touched_at - $1::interval;
UPDATE referral.signup SET signed_up_at = signed_up_at - $1::interval, arrived_at = arrived_at - $1::interval;
UPDATE referral.purchase SET purchased_at = purchased_at - $1::interval, arrived_at = arrived_at - $1::interval;
UPDATE referral.refund SET refunded_at = refunded_at - $1::interval;
UPDATE referral.override SET created_at = created_at - $1::interval;
UPDATE referral.adjustment SET created_at = created_at - $1::interval;
UPDATE referral.redemption SET created_at = created_at - $1::interval;
UPDATE referral.attribution SET touched_at = touched_at - $1::interval, resolved_at = resolved_at - $1::interval;
UPDATE referral.pair SET qualified_at = qualified_at - $1::interval, matures_at = matures_at - $1::interval,
                         counted_at = counted_at - $1::interval, decided_at = decided_at - $1::interval;
UPDATE referral.ledger SET entered_at = entered_at - $1::interval;
UPDATE referral.change SET enqueued_at = enqueued_at - $1::interval;
UPDATE referral.set_aside SET since = since - $1::interval;
UPDATE referral.pair_count SET changed_at = changed_at - $1::interval;
UPDATE referral.loss SET began_at = began_at - $1::interval;
UPDATE referral.resync SET began_at = began_at - $1::interval, next_at = next_at - $1::interval;
UPDATE referral.resync_campaign SET ended_at = ended_at - $1::interval;
CALL proof.rehash();
UPDATE referral.attribution SET checksum = referral.checksum_of_attribution(user_id, campaign, code, referrer_id, label, touched_at, source, visitor_id, touch_id);
UPDATE referral.pair SET checksum = referral.checksum_of_pair(user_id, purchase_id, campaign, referrer_id, revision, admission_order, ordinal,
                                                      qualified_at, matures_at, counted_at, allowed, state, reason, credits);
