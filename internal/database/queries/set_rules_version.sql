-- Puts newer rules into force. The new epoch rolls back every batch that was decided under the
-- older ones.
UPDATE referral.meta SET rules_version = $1, epoch = epoch + 1 WHERE rules_version < $1
