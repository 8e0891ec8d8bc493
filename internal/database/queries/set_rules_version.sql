-- Puts newer rules into force. The epoch makes every batch that was decided
-- under the older ones roll back.
UPDATE referral.meta SET rules_version = $1, epoch = epoch + 1 WHERE rules_version < $1
