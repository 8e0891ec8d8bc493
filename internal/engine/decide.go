package engine

import (
	"errors"
	"time"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// defaultDecideTimeout is far below the time for which a transaction may be idle, 30 s: a batch
// that the server ended would be repeated as it is.
const defaultDecideTimeout = 10 * time.Second

// errDecidesTooLong fails a batch of several referees, so that the next one is smaller. The
// conditions of one referee are limited by their cost; see package reward.
var errDecidesTooLong = errors.New("evaluating the conditions of the batch takes too long")

// decide lets package reward decide each referee. A referee that cannot be decided is set aside;
// the others are decided.
func (b *batch) decide() error {
	deadline := time.Now().Add(b.engine.decideTimeout)
	for i, r := range b.referees {
		if i > 0 && time.Now().After(deadline) {
			return errDecidesTooLong
		}
		err := r.unfit
		if err == nil {
			err = r.decide(b)
		}
		if b.overfull != nil {
			return b.overfull
		}
		if err != nil {
			b.setAside(r, err)
		}
	}
	return nil
}

func (r *referee) decide(b *batch) error {
	err := Contain(func() (err error) {
		r.outcome, err = reward.DecideWithin(b.config.Reward, &r.Referee, b.now, func(size reward.DecisionSize) error {
			b.overfull = b.addDecision(size)
			return b.overfull
		})
		return err
	})
	return b.engine.logPanic("the decision panicked", err)
}

// settle computes the ledger entries that the decisions need. Capacity has been allocated already.
// So if the entries of a referee are out of range, the whole batch fails and is split, and the
// referee is set aside before the next allocation.
func (b *batch) settle() error {
	for _, r := range b.referees {
		if r.cause != nil {
			continue
		}
		decisions := r.outcome.Decisions
		if r.resynced {
			decisions = append(decisions, reward.TakeBackUnknown(b.config.Reward, &r.Referee, &r.outcome)...)
		}
		entries, err := reward.Settle(decisions, r.Ledger)
		if err != nil {
			return err
		}
		r.entries = entries
	}
	return nil
}

func (b *batch) setAside(r *referee, cause error) {
	r.setAside(postgres.Short(cause)) // it is kept until it is recorded
	b.logAfterCommit("Set a referee aside: table set_aside names it", r.cause)
}
