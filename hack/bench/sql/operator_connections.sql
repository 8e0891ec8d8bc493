-- How many connections the operator has.
SELECT count(*) FROM pg_stat_activity WHERE application_name = 'referral-operator';
