package acceptance

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// editedManifest is the campaign of TestEditsUnderFire: destination, budget and suspend differ from
// edit to edit.
const editedManifest = `
apiVersion: referral-operator.io/v1alpha1
kind: ReferralCampaign
metadata: {name: invite-friends}
spec:
  databaseRef: {name: shop}
  policyRef: {name: terms}
  attributionWindow: 720h
  destination: https://mysite.test/
  suspend: %t
%s---
apiVersion: referral-operator.io/v1alpha1
kind: RewardPolicy
metadata: {name: terms}
spec:
  revisionScope: %s
%s%s  rewards:
  - {name: inviter, beneficiary: Referrer, %s}
`

// edit is one declaration of reward, budget, cap, hold, tiers, scope and suspend.
type edit struct {
	reward  int64 // dollars, unless tiered; 0: 5
	budget  int64 // dollars; 0: none
	cap     int   // pairs per referrer; 0: none
	hold    bool
	tiered  bool
	scope   string
	suspend bool
}

func (e edit) String() string {
	var budget, limits, hold string
	reward := fmt.Sprintf(`fixed: {amount: "%d.00", currency: USD}`, cmp.Or(e.reward, 5))
	if e.budget > 0 {
		budget = fmt.Sprintf("  budget: {amount: \"%d.00\", currency: USD}\n", e.budget)
	}
	if e.cap > 0 {
		limits = fmt.Sprintf("  limits: {pairsPerReferrer: %d}\n", e.cap)
	}
	if e.hold {
		hold = "  holdPeriod: 2s\n"
	}
	if e.tiered {
		reward = `tiers: [{fromPair: 1, fixed: {amount: "5.00", currency: USD}}, {fromPair: 4, fixed: {amount: "3.00", currency: USD}}]`
	}
	return fmt.Sprintf(editedManifest, e.suspend, budget, e.scope, limits, hold, reward)
}

func drawEdit(random *rand.Rand) edit {
	e := edit{scope: []string{"NewPairs", "HeldPairs", "AllPairs"}[random.IntN(3)]}
	if random.IntN(4) > 0 {
		e.budget = int64(50 + random.IntN(2000))
	}
	if random.IntN(2) == 0 {
		e.cap = 1 + random.IntN(60)
	}
	e.hold, e.tiered, e.suspend = random.IntN(2) == 0, random.IntN(2) == 0, random.IntN(4) == 0
	return e
}

// TestEditsUnderFire edits campaign and policy, requests resyncs, and kills managers and Postgres
// while three writers add facts, one of them in transactions that stay open. No sample finds a
// violation. Under the last edit, which limits only by a budget, no pair overtakes another. At the
// end nothing is pending, and deciding every referee again writes nothing. CHAOS=10m is the long
// form.
func TestEditsUnderFire(t *testing.T) {
	duration := 15 * time.Second
	if text := os.Getenv("CHAOS"); text != "" {
		var err error
		duration, err = time.ParseDuration(text)
		testworld.Must(t, err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	postgres := testworld.NewPostgres(t, testworld.PostgresOptions{Durable: true})
	w := newWorld(t, testworld.Cluster(t), postgres)
	managers := []*testworld.Process{w.manager(), w.manager(), w.manager()}
	w.apply(fiveDollars)
	w.tellLinks()

	f := &fire{world: w}
	ctx, cancel := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	stop := func() { cancel(); writers.Wait() }
	defer stop()
	for n := range 3 {
		random := rand.New(rand.NewPCG(seed, uint64(1+n)))
		writers.Go(func() { f.write(ctx, random, n == 2) })
	}

	for began, round := time.Now(), 0; time.Since(began) < duration; round++ {
		w.kubectl(drawEdit(random).String(), "apply", "--server-side", "--force-conflicts", "-f", "-")
		switch round % 5 {
		case 1:
			killed := random.IntN(len(managers))
			testworld.Must(t, managers[killed].Kill())
			managers[killed] = w.manager()
		case 2:
			w.kubectl("", "annotate", "--overwrite", "referralcampaign/invite-friends",
				fmt.Sprintf("reconcile.referral-operator.io/requestedAt=%d", round))
		case 3:
			testworld.Must(t, managers[0].Signal(syscall.SIGSTOP))
		case 4:
			testworld.Must(t, managers[0].Signal(syscall.SIGCONT))
			if random.IntN(3) == 0 {
				testworld.Must(t, postgres.Kill())
				testworld.Must(t, postgres.Start(t.Context()))
			}
		}
		time.Sleep(time.Second)
		f.sample()
	}
	testworld.Must(t, managers[0].Signal(syscall.SIGCONT))

	// From here on only the budget limits, and all pairs need the same: no edit before had this
	// reward, so that the last one adds a revision, which reaches all pairs.
	var admitted int64
	last := edit{reward: 7, scope: "AllPairs"}
	w.declared(last)
	w.quiet()
	testworld.Must(t, w.operator.QueryRow(t.Context(), "SELECT count(*) FROM referral.pair WHERE state IN ('Held', 'Granted')").Scan(&admitted))
	last.budget = last.reward * (admitted + 20)
	w.declared(last)
	w.quiet()
	var begin int64
	testworld.Must(t, w.operator.QueryRow(t.Context(), "SELECT coalesce(max(entry_id), 0) FROM referral.ledger").Scan(&begin))
	time.Sleep(duration / 5)
	stop()
	w.quiet()
	f.sample()
	w.eventually("all pairs need the same", "SELECT DISTINCT amount FROM referral.credit JOIN referral.pair USING (user_id, purchase_id) WHERE state = 'Granted'", "700")
	w.eventually("no pair has overtaken a waiting one", fmt.Sprintf(`
SELECT count(*)
  FROM referral.ledger AS l
  JOIN referral.pair AS p USING (user_id, purchase_id)
 WHERE l.entry_id > %d AND l.kind = 'Grant' AND p.state = 'Granted'
   AND p.admission_order > (SELECT min(admission_order) FROM referral.pair WHERE state = 'Waiting')`, begin), "0")
	t.Logf("%d facts, %d samples, pairs: %v", f.facts.Load(), f.samples, w.rows("SELECT state, count(*) FROM referral.pair GROUP BY 1 ORDER BY 1"))

	before := w.written()
	w.rows("INSERT INTO referral.change (shard, kind, key) SELECT referral.shard_of(user_id), 'Referee', user_id FROM referral.signup")
	w.quiet()
	if after := w.written(); after != before {
		t.Errorf("deciding all again has written: row versions were %s and are %s", before, after)
	}
}

// fire is what writers and samples have come to.
type fire struct {
	*world
	next, facts atomic.Int64
	samples     int
}

// write adds referees with purchases, refunds and adjustments until ctx ends. Where open is true,
// each transaction stays open for a while, and one in three is rolled back.
func (f *fire) write(ctx context.Context, random *rand.Rand, open bool) {
	for ctx.Err() == nil {
		attempt, cancel := context.WithTimeout(ctx, 20*time.Second)
		// A transaction that Postgres breaks off is not tried again: other facts follow.
		_ = pgx.BeginFunc(attempt, f.shop, func(tx pgx.Tx) error {
			for range 1 + random.IntN(20) {
				if err := f.fact(attempt, tx, random); err != nil {
					return err
				}
			}
			if open {
				select {
				case <-attempt.Done():
				case <-time.After(time.Duration(random.IntN(3000)) * time.Millisecond):
				}
				if random.IntN(3) == 0 {
					return context.Canceled
				}
			}
			return nil
		})
		cancel()
		time.Sleep(time.Duration(random.IntN(50)) * time.Millisecond)
	}
}

func (f *fire) fact(ctx context.Context, tx pgx.Tx, random *rand.Rand) error {
	known := max(1, f.next.Load())
	one := fmt.Sprint("u", random.Int64N(known))
	f.facts.Add(1)
	var err error
	switch random.IntN(10) {
	case 0:
		_, err = tx.Exec(ctx, "INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ($1, 'p', 'r', 2500) ON CONFLICT DO NOTHING", one)
	case 1:
		_, err = tx.Exec(ctx, "INSERT INTO referral.adjustment (beneficiary_id, adjustment_id, amount, currency, reason) VALUES ($1, $2, 100, 'USD', 'goodwill')",
			fmt.Sprint("r", random.IntN(10)), fmt.Sprint("a", random.Uint64()))
	case 2:
		_, err = tx.Exec(ctx, "DELETE FROM referral.refund WHERE user_id = $1", one)
	default:
		user := fmt.Sprint("u", f.next.Add(1))
		_, err = tx.Exec(ctx, "INSERT INTO referral.signup (user_id, code) VALUES ($1, $2) ON CONFLICT DO NOTHING", user, fmt.Sprint("c", random.IntN(10)))
		if err == nil {
			_, err = tx.Exec(ctx, "INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ($1, 'p', 2500, 'USD') ON CONFLICT DO NOTHING", user)
		}
	}
	return err
}

// sample asks the database for violations. While Postgres starts there is no answer.
func (f *fire) sample() {
	f.Helper()
	wrong, err := f.try("SELECT * FROM referral.violations() LIMIT 5")
	if err != nil {
		return
	}
	f.samples++
	if len(wrong) > 0 {
		f.Errorf("violations: %s", strings.Join(wrong, "; "))
	}
}

// declared applies the edit and waits until it is in force.
func (w *world) declared(e edit) {
	w.Helper()
	w.kubectl(e.String(), "apply", "--server-side", "--force-conflicts", "-f", "-")
	w.until("the edit is in force", func() bool {
		out := w.kubectl("", "get", "referralcampaign/invite-friends", "-o",
			`jsonpath={.metadata.generation} {.status.observedGeneration} {.status.conditions[?(@.type=="Ready")].status}`)
		fields := strings.Fields(out)
		return len(fields) == 3 && fields[0] == fields[1] && fields[2] == "True"
	})
}

// quiet waits until nothing is pending: neither changes nor allocations nor a rollout.
func (w *world) quiet() {
	w.Helper()
	w.eventually("nothing is pending", `
SELECT (SELECT count(*) FROM referral.change) + (SELECT count(*) FROM referral.allocation_request)
     + (SELECT count(*) FROM referral.pair WHERE state = 'Held' AND matures_at <= now())`, "0")
}

// written sums up the versions of all rows of results: it differs once a row is written.
func (w *world) written() string {
	w.Helper()
	return w.rows(`
SELECT sum(hashtext(v)) FROM (
    SELECT 'pair' || ctid || xmin AS v FROM referral.pair UNION ALL
    SELECT 'credit' || ctid || xmin FROM referral.credit UNION ALL
    SELECT 'ledger' || ctid || xmin FROM referral.ledger UNION ALL
    SELECT 'attribution' || ctid || xmin FROM referral.attribution UNION ALL
    SELECT 'waitlist' || ctid || xmin FROM referral.waitlist UNION ALL
    SELECT 'account' || ctid || xmin FROM referral.engine_account UNION ALL
    SELECT 'referrer' || ctid || xmin FROM referral.referrer) AS versions`)[0]
}
