package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// The phases of the turns differ by database.
func TestReplicasTakeTurnsToPollAnIdleDatabase(t *testing.T) {
	const interval = time.Second
	for _, phase := range []time.Duration{0, 300 * time.Millisecond} {
		for replicas := 1; replicas <= 5; replicas++ {
			polls := map[int64]int{}
			for rank := range replicas {
				now := time.Unix(1_700_000_000, 0).Add(time.Duration(rank) * 77 * time.Millisecond)
				for range 100 {
					wait := engine.UntilTurn(now, phase, interval, database.Place{Rank: rank, Of: replicas})
					if wait <= 0 || wait > time.Duration(replicas)*interval {
						t.Fatalf("rank %d of %d waits %s", rank, replicas, wait)
					}
					now = now.Add(wait)
					if shifted := now.Add(-phase); !shifted.Equal(shifted.Truncate(interval)) {
						t.Fatalf("rank %d of %d polls at %s, which is no turn", rank, replicas, now)
					}
					polls[now.Add(-phase).Unix()]++
					now = now.Add(3 * time.Millisecond) // the poll takes some time
				}
			}
			for at := int64(1_700_000_010); at < 1_700_000_090; at++ {
				if polls[at] != 1 {
					t.Errorf("%d replicas make %d polls in second %d", replicas, polls[at], at)
				}
			}
		}
	}
}

// newIdler polls a converged database with a campaign, until the queue is known to be empty.
func newIdler(t *testing.T) (*shop, *engine.Poller) {
	t.Helper()
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.write(link)
	s.converge()
	p := s.engine.NewPoller()
	s.settle(p)
	return s, p
}

// settle polls until the queue is known to be empty, which takes until every writing transaction of
// the server has ended. No test of this file runs beside others, but an autovacuum may.
func (s *shop) settle(p *engine.Poller) {
	s.Helper()
	waitFor(s, "the queue is known to be empty", func() bool {
		if s.poll(p) {
			s.Fatal("work in an idle database")
		}
		return p.Empty()
	})
}

func (s *shop) poll(p *engine.Poller) (work bool) {
	s.Helper()
	work, err := p.Poll(s.Context())
	testworld.Must(s, err)
	return work
}

func TestIdlePollNoticesAFact(t *testing.T) {
	s, p := newIdler(t)
	s.write("INSERT INTO referral.signup (user_id, code) VALUES ('bob', 'alice1')")
	if !s.poll(p) {
		t.Error("the signup was not noticed")
	}
}

// While a writer's transaction is open that has enqueued something, only a full poll can notice its
// commit.
func TestIdlePollNoticesAFactOfAnOldTransaction(t *testing.T) {
	s, p := newIdler(t)
	ctx := context.Background()
	tx, err := s.writer.Begin(ctx)
	testworld.Must(t, err)
	defer func() { _ = tx.Rollback(ctx) }()
	_, err = tx.Exec(ctx, "INSERT INTO referral.signup (user_id, code) VALUES ('bob', 'alice1')")
	testworld.Must(t, err)
	s.write("INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('unrelated', 'invite', 'eve')")
	for range 5 {
		if s.poll(p) {
			testworld.Must(t, s.engine.Converge(t.Context())) // the link
		}
		if p.Empty() {
			t.Fatal("the queue counts as empty while a transaction is open that has enqueued something")
		}
	}
	testworld.Must(t, tx.Commit(ctx))
	if !s.poll(p) {
		t.Error("the signup was not noticed")
	}
}

// Most transactions that have drawn numbers commit a moment later.
func TestIdleEnginePollsAgainSoonWhenATransactionHasDrawnNumbers(t *testing.T) {
	s, _ := newIdler(t)
	p := engine.New(s.db, engine.Options{OwnerUID: uid, IdlePollInterval: 24 * time.Hour}).NewPoller()
	s.settle(p)
	tx, err := s.writer.Begin(t.Context())
	testworld.Must(t, err)
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	_, err = tx.Exec(t.Context(), "INSERT INTO referral.signup (user_id, code) VALUES ('bob', 'alice1')")
	testworld.Must(t, err)
	var waits []time.Duration
	for range 20 {
		if s.poll(p) {
			t.Fatal("work of a transaction that has not committed")
		}
		waits = append(waits, p.Next())
	}
	if waits[0] > time.Second || waits[19] < time.Minute {
		t.Errorf("the next polls follow after %s: want the first within a second, and longer waits while the transaction stays open", waits)
	}
}

func TestIdlePollNoticesTheEndOfAHold(t *testing.T) {
	s := newShop(t)
	held := fiveDollars()
	held.HoldPeriod = time.Hour
	s.declare("invite", held)
	s.arriveFor(1, 1)
	s.converge()
	p := s.engine.NewPoller()
	s.settle(p)
	// As if an hour had passed.
	s.asOwner("UPDATE referral.pair SET matures_at = matures_at - interval '1 hour'")
	s.engine.Replace("poll_idle", "SELECT epoch, drawn, due FROM referral.poll_idle($1::timestamptz - interval '1 hour')")
	if !s.poll(p) {
		t.Error("the end of the hold was not noticed")
	}
}

func TestIdlePollNoticesARequestedResyncAndAnEdit(t *testing.T) {
	s, p := newIdler(t)
	testworld.Must(t, database.RequestResync(t.Context(), s.db, database.Campaign{OwnerUID: uid, Name: "invite", UID: "invite-uid"}, "now"))
	if !s.poll(p) {
		t.Error("the request was not noticed")
	}
	testworld.Must(t, s.engine.Resync(t.Context()))
	s.settle(p)
	was, _ := s.engine.Activity()
	testworld.Must(t, database.SetSuspended(t.Context(), s.db, uid, 1, true))
	s.poll(p)
	if is, _ := s.engine.Activity(); is == was {
		t.Error("the edit was not noticed")
	}
	s.write("INSERT INTO referral.signup (user_id, code) VALUES ('bob', 'alice1')")
	if s.poll(p) {
		t.Error("there is work although the database is suspended")
	}
	testworld.Must(t, database.SetSuspended(t.Context(), s.db, uid, 2, false))
	if !s.poll(p) {
		t.Error("the end of the suspension was not noticed")
	}
}

// A sequence shows its first number before it is drawn.
func TestIdlePollNoticesTheFirstChangeEver(t *testing.T) {
	s := newShop(t)
	p := s.engine.NewPoller()
	s.settle(p)
	s.asOwner("INSERT INTO referral.change (shard, kind, key) VALUES (referral.shard_of('bob'), 'Referee', 'bob')")
	if !s.poll(p) {
		t.Error("the change was not noticed")
	}
}
