-- Records the progress of the reversal of campaign $1; a null key: it is done.
-- Uses reversal_pkey.
UPDATE referral.reversal
   SET resume_user = coalesce($2, resume_user), resume_purchase = coalesce($3, resume_purchase), done = $2::text IS NULL
 WHERE campaign = $1;
