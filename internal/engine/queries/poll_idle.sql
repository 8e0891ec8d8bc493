-- The poll of an idle engine; $1 is when the next hold ends, or null. See the function.
SELECT epoch, drawn, due FROM referral.poll_idle($1);
