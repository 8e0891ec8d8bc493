package engine_test

import (
	"fmt"
	"testing"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// offBy are counters and accounts that are off their sums: one account, one referrer, and the
// counters of pairs and credits of one campaign.
const offBy = `UPDATE referral.engine_account SET earned = earned + 7 WHERE beneficiary_id = 'alice';
	UPDATE referral.referrer SET pairs = pairs + 2 WHERE (campaign, referrer_id) = ('invite', 'alice');
	UPDATE referral.pair_count SET granted = granted + 5, awaiting_purchase = 0 WHERE campaign = 'invite';
	UPDATE referral.credit_count SET granted = granted - 3, reversed = 0 WHERE campaign = 'invite'`

// Tables are read whole only to find what is off: batches wait for the counters while they are put
// right.
func TestPuttingSumsRightReadsNoTableAgain(t *testing.T) {
	s := newCrowd(t)
	s.asOwner("CREATE TABLE scanned (scans bigint)")
	const scans = `SELECT %s sum(pg_stat_get_xact_numscans(oid)) FROM pg_class
		 WHERE oid IN ('referral.ledger'::regclass, 'referral.credit'::regclass, 'referral.pair'::regclass, 'referral.attribution'::regclass)`
	// The first statement after what is off was found, and the last.
	s.engine.Replace("lock_pair_count", "WITH before AS (INSERT INTO public.scanned "+fmt.Sprintf(scans, "-")+") "+s.engine.Statement("lock_pair_count"))
	s.engine.Replace("request_allocation", "INSERT INTO public.scanned "+fmt.Sprintf(scans, "")+" AND $1::text[] IS NOT NULL")
	s.behind(offBy)
	s.request()
	testworld.Must(t, s.engine.Resync(t.Context()))
	s.expect("drift", "SELECT sum(drift_corrected)::int FROM referral.resync_campaign", "4")
	s.expect("scans", "SELECT count(*), sum(scans)::int FROM scanned", "2 0")
}

// A batch that commits between finding what is off and putting it right is counted once.
func TestSumsArePutRightBesideABatch(t *testing.T) {
	s := newCrowd(t)
	s.behind(offBy)
	s.engine.Replace("lock_pair_count", `WITH pause AS MATERIALIZED (SELECT pg_advisory_xact_lock(7))
		INSERT INTO referral.pair_count AS c (campaign, shard) SELECT name, 0 FROM pause, unnest($1::text[]) AS n(name)
		    ON CONFLICT (campaign, shard) DO UPDATE SET campaign = excluded.campaign`)
	s.request()
	resynced := make(chan error, 1)
	s.whileLocked(func() {
		go func() { resynced <- s.engine.Resync(t.Context()) }()
		s.eventually("the resync has found what is off", waitingFor7, "1")
		s.write(`INSERT INTO referral.signup (user_id, code) VALUES ('gina', 'alice1'), ('hugo', 'alice1')`)
		s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('gina', 'p1', 2500, 'USD')`)
		s.write(`INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('bob', 'p1', 'r', 2500)`)
		testworld.Must(t, s.in(t).engine.Converge(t.Context()))
		s.expect("pairs meanwhile", "SELECT user_id, state FROM referral.pair WHERE user_id IN ('bob', 'gina') ORDER BY 1", "bob Reversed", "gina Granted")
	})
	testworld.Must(t, <-resynced)
	s.consistent()
	s.clean()
	s.drifted(4)
}

// A resync and a batch wait for each other for ever if they lock counters in different orders.
func TestCountersAreLockedInTheOrderOfCampaigns(t *testing.T) {
	const campaigns = 16
	s := newShop(t)
	for i := range campaigns {
		name := fmt.Sprintf("spring-%d", i)
		user := fmt.Sprintf("u%02d", i*7%campaigns)
		s.declare(name, fiveDollars())
		s.write("INSERT INTO referral.link (code, campaign, referrer_id) VALUES ($1, $1, 'alice')", name)
		s.write("INSERT INTO referral.signup (user_id, code, signed_up_at) VALUES ($1, $2, now() - interval '1 h')", user, name)
		s.write("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ($1, 'p', 2500, 'USD')", user)
	}
	s.asOwner("CREATE TABLE locked (place serial, transaction xid8 DEFAULT pg_current_xact_id(), counters text, campaign text COLLATE \"C\")")
	s.asOwner(`CREATE FUNCTION note_lock() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN INSERT INTO public.locked (counters, campaign) VALUES (TG_TABLE_NAME, NEW.campaign); RETURN NEW; END $$`)
	for _, counters := range []string{"pair_count", "credit_count"} {
		s.asOwner("CREATE TRIGGER note_lock BEFORE INSERT ON referral." + counters + " FOR EACH ROW EXECUTE FUNCTION note_lock()")
	}
	inOrder := func(what string) {
		t.Helper()
		s.expect(what+" locks counters in another order", `SELECT transaction, counters, string_agg(campaign, ' ' ORDER BY place)
			  FROM locked GROUP BY 1, 2 HAVING array_agg(campaign ORDER BY place) <> array_agg(campaign ORDER BY campaign)`)
		s.expect(what+" locks many at once", "SELECT DISTINCT counters FROM locked GROUP BY transaction, counters HAVING count(*) > 5 ORDER BY 1", "credit_count", "pair_count")
		s.asOwner("TRUNCATE locked")
	}
	s.converge()
	inOrder("a batch")
	s.behind("UPDATE referral.pair_count SET granted = granted + 1", "UPDATE referral.credit_count SET granted = granted + 1")
	s.resync()
	inOrder("a resync")
}
