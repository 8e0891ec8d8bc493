package acceptance

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// order is one purchase of the CDNOW sample: real customers of a real shop.
type order struct {
	customer int
	id       string
	at       time.Time
	cents    int64 // some orders are free, which is no purchase
	refunds  []int64
}

// TestRealOrdersEarnExactBalances gives the inviter 10 % of each order of $20 or more, at most
// $5, and the friend $1 of it, and checks every balance to the cent.
func TestRealOrdersEarnExactBalances(t *testing.T) {
	orders := readOrders(t)
	w := newWorld(t, testworld.Cluster(t), sharedPostgres(t))
	w.manager()
	w.apply(`
apiVersion: referral-operator.io/v1alpha1
kind: RewardPolicy
metadata: {name: terms}
spec:
  qualification:
    purchases: Every
    minimumAmounts: [{amount: "20.00", currency: USD}]
  rewards:
  - name: inviter
    beneficiary: Referrer
    percentage: {rate: "10", maximumAmounts: [{amount: "5.00", currency: USD}]}
  - name: friend
    beneficiary: Referee
    fixed: {amount: "1.00", currency: USD}
`)
	w.tell(orders)
	w.converged()

	// The balance of each person, computed from the orders alone.
	want := map[string]int64{}
	for _, o := range orders {
		net := o.cents
		for _, refund := range o.refunds {
			net -= refund
		}
		if inviter := o.customer / 3; net >= 2000 && inviter > 0 && o.customer%5 != 0 {
			want[name(inviter)] += min((net+5)/10, 500)
			want[name(o.customer)] += 100
		}
	}

	got := map[string]int64{}
	rows, err := w.operator.Query(t.Context(), "SELECT beneficiary_id, available::bigint FROM referral.balance WHERE currency = 'USD' AND (available, held) <> (0, 0)")
	testworld.Must(t, err)
	var referrer string
	var available int64
	_, err = pgx.ForEachRow(rows, []any{&referrer, &available}, func() error {
		got[referrer] = available
		return nil
	})
	testworld.Must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("balances (-want +got):\n%s", diff)
	}
	if len(want) < 1000 {
		t.Errorf("only %d balances: the orders were not what they seemed", len(want))
	}
	w.eventually("the rest of the sums are right", "SELECT count(*) FROM referral.set_aside", "0")
	if !t.Failed() {
		t.Logf("%d orders, %d balances, all equal to the cent", len(orders), len(want))
	}
}

// readOrders reads the sample: customer in the master set, customer in the sample, date, number of
// CDs, dollars. Some orders are refunded in part, in two parts, or in whole.
func readOrders(t *testing.T) []order {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "data", "cdnow_sample.txt")
	file, err := os.Open(path)
	if err != nil {
		t.Skipf("the CDNOW sample is not here: %v", err)
	}
	defer file.Close()
	var orders []order
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		customer, err := strconv.Atoi(fields[1])
		testworld.Must(t, err)
		at, err := time.Parse("20060102", fields[2])
		testworld.Must(t, err)
		cents, err := strconv.ParseInt(strings.Replace(fields[4], ".", "", 1), 10, 64)
		testworld.Must(t, err)
		o := order{customer: customer, id: fmt.Sprint("order-", len(orders)), at: at, cents: cents}
		switch n := len(orders); {
		case n%7 == 0:
			o.refunds = []int64{cents}
		case n%11 == 0:
			o.refunds = []int64{cents / 4, cents / 3}
		}
		o.refunds = slices.DeleteFunc(o.refunds, func(refund int64) bool { return refund == 0 })
		orders = append(orders, o)
	}
	return orders
}

// tell writes the facts in the most adverse order: refunds, purchases, links, signups.
func (w *world) tell(orders []order) {
	w.Helper()
	var facts pgx.Batch
	first := map[int]time.Time{}
	for _, o := range orders {
		for i, refund := range o.refunds {
			facts.Queue("INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ($1, $2, $3, $4)", name(o.customer), o.id, fmt.Sprint(i), refund)
		}
		if at, known := first[o.customer]; !known || o.at.Before(at) {
			first[o.customer] = o.at
		}
	}
	w.send(&facts)
	for _, o := range orders {
		if o.cents == 0 {
			continue
		}
		facts.Queue("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at) VALUES ($1, $2, $3, 'USD', $4)", name(o.customer), o.id, o.cents, o.at)
	}
	w.send(&facts)
	for customer := range first {
		facts.Queue("INSERT INTO referral.link (code, campaign, referrer_id) VALUES ($1, 'invite-friends', $2)", fmt.Sprint("code-", customer), name(customer))
	}
	w.send(&facts)
	for customer, at := range first {
		code := fmt.Sprint("CODE-", customer/3)
		if customer%5 == 0 {
			code = "" // came without a link
		}
		facts.Queue("INSERT INTO referral.signup (user_id, code, signed_up_at) VALUES ($1, $2, $3)", name(customer), code, at.Add(-12*time.Hour))
	}
	w.send(&facts)
}

// send sends queued facts, a hundred per transaction.
func (w *world) send(facts *pgx.Batch) {
	w.Helper()
	for part := range slices.Chunk(facts.QueuedQueries, 100) {
		testworld.Must(w, w.shop.SendBatch(w.Context(), &pgx.Batch{QueuedQueries: part}).Close())
	}
	*facts = pgx.Batch{}
}

func name(customer int) string { return fmt.Sprint("customer-", customer) }

func sharedPostgres(t testing.TB) *testworld.Postgres {
	t.Helper()
	postgres, err := testworld.SharedPostgres(t.Context())
	testworld.Must(t, err)
	return postgres
}
