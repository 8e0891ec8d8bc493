package engine_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// allocated returns how many MiB were allocated while do ran, and the most that were in use at once
// beyond what was in use before.
func allocated(do func()) (total, peak uint64) {
	var before, after runtime.MemStats
	var most atomic.Uint64
	runtime.GC()
	runtime.ReadMemStats(&before)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		var now runtime.MemStats
		for {
			runtime.GC()
			runtime.ReadMemStats(&now)
			most.Store(max(most.Load(), now.HeapAlloc))
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	do()
	runtime.ReadMemStats(&after)
	close(stop)
	<-stopped
	return (after.TotalAlloc - before.TotalAlloc) >> 20, (max(most.Load(), before.HeapAlloc) - before.HeapAlloc) >> 20
}

func TestTouchesOfOneVisitorStayInTheDatabase(t *testing.T) {
	for _, test := range []struct {
		touches, signups int
		totalMiB         uint64
	}{
		{5_000, 2_000, 40},
		{100_000, 1, 4},
	} {
		t.Run(fmt.Sprint(test.touches, " touches and ", test.signups, " signups"), func(t *testing.T) {
			s := newShop(t)
			s.declare("invite", fiveDollars())
			s.converge()
			s.behind(`INSERT INTO referral.link (code, campaign, referrer_id) SELECT 'l' || n, 'invite', 'r' || n FROM generate_series(0, 4999) n`)
			s.behind(`INSERT INTO referral.touch (visitor_id, code) SELECT 'v', 'l' || n % 5000 FROM generate_series(1, ` + fmt.Sprint(test.touches) + `) n`)
			s.behind(`INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at) VALUES ('v', 'last', 'l7', now() + interval '1 s')`)
			s.write(`INSERT INTO referral.signup (user_id, visitor_id, signed_up_at) SELECT 'u' || n, 'v', now() + interval '1 min' FROM generate_series(1, $1::int) n`, test.signups)
			total, _ := allocated(s.converge)
			if total > test.totalMiB {
				t.Errorf("allocated %d MiB, want at most %d", total, test.totalMiB)
			}
			s.expect("attributed", "SELECT count(*), min(touch_id), max(touch_id) FROM referral.attribution", fmt.Sprint(test.signups, " last last"))
		})
	}
}

// every grants a percentage of each purchase.
func every() reward.Terms {
	return reward.Terms{Purchases: reward.EveryPurchase, Rewards: []reward.Reward{
		{Name: "inviter", Beneficiary: reward.ToReferrer, Percentage: &reward.Percentage{Rate: "10"}},
	}}
}

func TestRefereeWithManyPairsIsDecidedInBoundedMemory(t *testing.T) {
	for _, test := range []struct {
		pairs    int
		setAside string
		peakMiB  uint64
	}{
		{10_000, "0", 40},
		{60_000, "1", 100},
	} {
		t.Run(fmt.Sprint(test.pairs, " pairs"), func(t *testing.T) {
			s := newShop(t)
			s.declare("invite", every())
			s.write(link)
			s.converge()
			s.write(`INSERT INTO referral.signup (user_id, code, signed_up_at) VALUES ('bob', 'alice1', now() - interval '1 h'), ('carol', 'alice1', now() - interval '1 h')`)
			s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT 'bob', 'p' || n, 1000, 'USD' FROM generate_series(1, $1::int) n`, test.pairs)
			s.converge()
			s.write(`INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('bob', 'p7', 'r', 1000)`)
			s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('carol', 'p', 1000, 'USD')`)
			total, peak := allocated(s.converge)
			if peak > test.peakMiB || total > 600 {
				t.Errorf("%d MiB in use at one time, want at most %d; %d MiB allocated", peak, test.peakMiB, total)
			}
			s.expect("set aside", "SELECT count(*) FROM referral.set_aside", test.setAside)
			s.expect("carol", "SELECT state FROM referral.pair WHERE user_id = 'carol'", "Granted")
			s.expect("changes", "SELECT count(*) FROM referral.change", "0")
			if test.setAside == "0" {
				s.expect("refunded", "SELECT purchase_id FROM referral.pair WHERE state = 'Reversed'", "p7")
			}
		})
	}
}

// The owner of a database can drop the limit of 64 fingerprints. An empty text takes 4 bytes in a
// row and 16 in memory.
// The owner of a database can drop the limit of fingerprints.
func TestRefereesWithLongArraysAreSetAsideInBoundedMemory(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.write(link)
	s.converge()
	s.asOwner("ALTER TABLE referral.signup DROP CONSTRAINT signup_fingerprints_check")
	s.asOwner(`INSERT INTO referral.signup (user_id, code, fingerprints)
	           SELECT 'u' || n, 'alice1', array_fill(''::text, ARRAY[900000]) FROM generate_series(1, 4) AS n`)
	s.write("INSERT INTO referral.signup (user_id, code, fingerprints) VALUES ('v1', 'alice1', '{x}')")
	_, peak := allocated(func() { testworld.Must(t, s.engine.Converge(t.Context())) })
	if peak > 40 { // as for a batch of any other rows
		t.Errorf("%d MiB in use at one time, want at most 40", peak)
	}
	s.expect("set aside", "SELECT user_id FROM referral.set_aside ORDER BY 1", "u1", "u2", "u3", "u4")
	s.expect("attributed", "SELECT user_id FROM referral.attribution", "v1")
}

// The owner of a database can drop the limits of texts. The cause of setting a referee aside names a
// purchase, and quoting a control character takes four bytes.
func TestRefereesWithLongTextsAreSetAsideInBoundedMemory(t *testing.T) {
	for name, c := range map[string]struct{ change, cause string }{
		"a purchase's id":         {"ALTER TABLE referral.purchase DROP CONSTRAINT purchase_pkey CASCADE; UPDATE referral.purchase SET purchase_id = repeat(chr(1), 600000), amount = -1", "an id of more than 255 characters"},
		"its currency":            {"UPDATE referral.purchase SET currency = repeat(chr(1), 600000)", "an id of more than 255 characters"},
		"a signup's code":         {"DROP INDEX referral.signup_code; UPDATE referral.signup SET code = repeat(chr(1), 600000)", "an id of more than 255 characters"},
		"a credit's reward":       {"ALTER TABLE referral.credit DROP CONSTRAINT credit_pkey CASCADE; INSERT INTO referral.credit (user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount) SELECT user_id, 'p', repeat(chr(1), 600000), 'invite', 'alice', 'USD', 1 FROM referral.signup", "an id of more than 255 characters"},
		"an id of 255 characters": {"UPDATE referral.purchase SET purchase_id = repeat(chr(1), 255), amount = -1", "amount -1 with refunds of 0 is out of range"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.declare("invite", every())
			s.write(link)
			s.write(`INSERT INTO referral.signup (user_id, code) SELECT 'u' || n, 'alice1' FROM generate_series(1, 20) AS n`)
			s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT 'u' || n, 'p', 1000, 'USD' FROM generate_series(1, 20) AS n`)
			s.withoutChecks("purchase", "signup", "credit")
			for statement := range strings.SplitSeq(c.change, "; ") {
				s.asOwner(statement)
			}
			_, peak := allocated(func() { testworld.Must(t, s.engine.Converge(t.Context())) })
			if peak > 40 {
				t.Errorf("%d MiB in use at one time, want at most 40", peak)
			}
			s.expect("set aside", "SELECT count(*), max(length(cause)) <= 1500, bool_and(cause LIKE '%"+c.cause+"%') FROM referral.set_aside", "20 true true")
		})
	}
}

// withoutChecks drops the CHECK and foreign key constraints of tables.
func (s *shop) withoutChecks(tables ...string) {
	s.Helper()
	for _, table := range tables {
		s.asOwner(`DO $$ DECLARE c record; BEGIN
			FOR c IN SELECT conname FROM pg_constraint WHERE conrelid = 'referral.` + table + `'::regclass AND contype IN ('c', 'f')
			LOOP EXECUTE format('ALTER TABLE referral.` + table + ` DROP CONSTRAINT %I', c.conname); END LOOP; END $$`)
	}
}

// A policy may have eight rewards of 32 tiers. What a batch holds of each decision counts before the
// next is made.
func TestRefereeWithManyCreditsIsDecidedInBoundedMemory(t *testing.T) {
	for name, budget := range map[string]int64{"admitted": 1 << 60, "waiting": 1} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.declare("invite", eightRewards(), func(d *database.Declaration) { d.Budget = &database.Money{Amount: budget, Currency: "USD"} })
			s.write(link)
			s.converge()
			s.write(`INSERT INTO referral.signup (user_id, code, signed_up_at) VALUES (repeat('b', 200), 'alice1', now() - interval '1 h'), ('carol', 'alice1', now() - interval '1 h')`)
			s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT repeat('b', 200), repeat('p', 200) || n, 1000, 'USD' FROM generate_series(1, 6000) n`)
			s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('carol', 'p', 1000, 'USD')`)
			_, peak := allocated(s.converge)
			if peak > 100 {
				t.Errorf("%d MiB in use at one time, want at most 100", peak)
			}
			s.expect("set aside", "SELECT left(user_id, 1) FROM referral.set_aside", "b")
			s.expect("pairs", "SELECT user_id FROM referral.pair", "carol")
		})
	}
}

// eightRewards are the largest terms of a policy, but for its condition.
func eightRewards() reward.Terms {
	terms := reward.Terms{Purchases: reward.EveryPurchase}
	for n := range int64(8) {
		r := reward.Reward{Name: fmt.Sprint(strings.Repeat("n", 62), n), Beneficiary: reward.ToReferrer}
		for tier := range int64(32) {
			r.Tiers = append(r.Tiers, reward.Tier{FromPair: 1 + tier*(n+1), Fixed: reward.Money{Amount: 500 + tier, Currency: "USD"}})
		}
		terms.Rewards = append(terms.Rewards, r)
	}
	return terms
}
