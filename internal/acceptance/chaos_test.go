package acceptance

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// TestCreditsAreExactAlthoughProcessesDie writes pairs, every third refunded, while managers are
// killed, one is paused within a batch, and Postgres is killed. Nothing is lost and nothing is
// granted twice. PAIRS=40000 runs the long form.
func TestCreditsAreExactAlthoughProcessesDie(t *testing.T) {
	pairs := 4000
	if text := os.Getenv("PAIRS"); text != "" {
		var err error
		pairs, err = strconv.Atoi(text)
		testworld.Must(t, err)
	}
	postgres := testworld.NewPostgres(t, testworld.PostgresOptions{Durable: true})
	w := newWorld(t, testworld.Cluster(t), postgres)
	first, second := w.manager(), w.manager()
	w.apply(fiveDollars)
	w.tellLinks()

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var writers sync.WaitGroup
	const shops = 4
	for shop := range shops {
		writers.Go(func() {
			for n := shop; n < pairs; n += shops {
				if err := w.tellPair(ctx, n); err != nil {
					t.Errorf("pair %d: %v", n, err)
					return
				}
			}
		})
	}
	written := make(chan struct{})
	go func() {
		writers.Wait()
		close(written)
	}()

	for round := 0; ; round++ {
		select {
		case <-written:
		case <-time.After(500 * time.Millisecond):
			switch round % 4 {
			case 0:
				testworld.Must(t, first.Kill())
				first = w.manager()
			case 1:
				testworld.Must(t, second.Signal(syscall.SIGSTOP))
			case 2:
				testworld.Must(t, postgres.Kill())
				testworld.Must(t, postgres.Start(t.Context()))
			case 3:
				testworld.Must(t, second.Signal(syscall.SIGCONT))
			}
			continue
		}
		break
	}
	testworld.Must(t, second.Signal(syscall.SIGCONT))
	w.converged()

	refunded := (pairs + 2) / 3
	w.eventually("each pair has its state", "SELECT count(*) FILTER (WHERE state = 'Granted'), count(*) FILTER (WHERE state = 'Reversed') <= "+strconv.Itoa(refunded)+" FROM referral.pair", fmt.Sprint(pairs-refunded, " true"))
	w.eventually("the ledger adds up", "SELECT sum(amount)::bigint FROM referral.ledger", fmt.Sprint(500*(pairs-refunded)))
	w.eventually("the balances add up", "SELECT sum(available)::bigint FROM referral.balance", fmt.Sprint(500*(pairs-refunded)))
	w.eventually("no pair has its credit twice", "SELECT count(*) FROM (SELECT FROM referral.ledger GROUP BY user_id, purchase_id, reward HAVING sum(amount) NOT IN (0, 500)) AS wrong", "0")
	w.eventually("no referee is set aside", "SELECT count(*) FROM referral.set_aside", "0")
}

// tellLinks writes the links of the pairs.
func (w *world) tellLinks() {
	w.Helper()
	testworld.Must(w, w.insist(w.Context(), "INSERT INTO referral.link (code, campaign, referrer_id) SELECT 'c' || n, 'invite-friends', 'r' || n FROM generate_series(0, 9) n ON CONFLICT DO NOTHING"))
}

// tellPair writes one referee's facts, in an order that depends on n.
func (w *world) tellPair(ctx context.Context, n int) error {
	user := fmt.Sprint("u", n)
	facts := []func() error{
		func() error {
			return w.insist(ctx, "INSERT INTO referral.signup (user_id, code, signed_up_at) VALUES ($1, $2, now() - interval '1 h') ON CONFLICT DO NOTHING", user, fmt.Sprint("c", n%10))
		},
		func() error {
			return w.insist(ctx, "INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ($1, 'p', 2500, 'USD') ON CONFLICT DO NOTHING", user)
		},
	}
	if n%3 == 0 {
		facts = append(facts, func() error {
			return w.insist(ctx, "INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ($1, 'p', 'r', 2500) ON CONFLICT DO NOTHING", user)
		})
	}
	for i := range facts {
		if err := facts[(i+n/3)%len(facts)](); err != nil {
			return err
		}
	}
	return nil
}
