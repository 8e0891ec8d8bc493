package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// Each change is dequeued by the first batch after its commit, however the writing transactions
// overlap, and even if later changes were dequeued before.
func TestChangesCommittedLateAreDequeued(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.write(link)
	s.converge()
	random := rand.New(rand.NewPCG(3, 3))
	var open []pgx.Tx
	defer func() {
		for _, tx := range open {
			_ = tx.Rollback(context.WithoutCancel(t.Context()))
		}
	}()
	committed := 0
	for n := range 120 {
		switch {
		case len(open) < 3 && random.IntN(2) == 0:
			tx, err := s.writer.Begin(t.Context())
			testworld.Must(t, err)
			open = append(open, tx)
		case len(open) > 0 && random.IntN(3) == 0:
			at := random.IntN(len(open))
			testworld.Must(t, open[at].Commit(t.Context()))
			open = append(open[:at], open[at+1:]...)
			committed++
		case len(open) > 0:
			tx := open[random.IntN(len(open))]
			if random.IntN(2) == 0 { // the change is of a subtransaction
				_, err := tx.Exec(t.Context(), "SAVEPOINT part")
				testworld.Must(t, err)
			}
			_, err := tx.Exec(t.Context(), "INSERT INTO referral.signup (user_id, code) VALUES ($1, 'alice1')", fmt.Sprint("u", n))
			testworld.Must(t, err)
		default:
			s.write("INSERT INTO referral.signup (user_id, code) VALUES ($1, 'alice1')", fmt.Sprint("w", n))
		}
		if random.IntN(2) == 0 {
			testworld.Must(t, s.engine.Converge(t.Context()))
			s.expect(fmt.Sprint("changes left after ", n, " steps"), "SELECT kind, key FROM referral.change")
		}
	}
	if committed < 10 {
		t.Errorf("only %d transactions were committed: the test tests little", committed)
	}
}
