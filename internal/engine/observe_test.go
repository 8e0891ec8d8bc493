package engine_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// observer keeps the engine's reports.
type observer struct {
	mu       sync.Mutex
	reports  []*engine.Report
	failures []error
}

func (o *observer) Committed(report *engine.Report) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reports = append(o.reports, report)
}

func (o *observer) Failed(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failures = append(o.failures, err)
}

// drain returns the reports since the last call, as one.
func (o *observer) drain() engine.Report {
	o.mu.Lock()
	defer o.mu.Unlock()
	sum := engine.Report{Pairs: map[reward.State]int{}, Credits: map[engine.CreditFlow]int64{}}
	for _, report := range o.reports {
		sum.Took += report.Took
		sum.Latencies = append(sum.Latencies, report.Latencies...)
		sum.Referees += report.Referees
		sum.SetAside += report.SetAside
		for state, pairs := range report.Pairs {
			sum.Pairs[state] += pairs
		}
		for flow, amount := range report.Credits {
			sum.Credits[flow] += amount
		}
		for stage, took := range report.Stages {
			sum.Stages[stage] += took
		}
	}
	o.reports = nil
	return sum
}

func TestObserverLearnsWhatBatchesCommitted(t *testing.T) {
	s := newShop(t)
	o := &observer{}
	s.engine = s.newEngine(engine.Options{Observer: o})
	s.declare("invite", fiveDollars())
	for _, fact := range []string{link, touch, signup} {
		s.write(fact)
	}
	s.converge()
	if got := o.drain(); len(got.Pairs) > 0 || len(got.Latencies) > 0 || got.Referees == 0 {
		t.Errorf("before the purchase: %+v", got)
	}

	s.write(purchase)
	s.converge()
	granted := o.drain()
	if diff := cmp.Diff(map[reward.State]int{reward.Granted: 1}, granted.Pairs); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[engine.CreditFlow]int64{{Kind: reward.Grant, Currency: "USD"}: 500}, granted.Credits); diff != "" {
		t.Error(diff)
	}
	if len(granted.Latencies) != 1 || granted.Latencies[0] < 0 || granted.Latencies[0] > time.Hour {
		t.Errorf("latencies %v; signup and purchase have arrived just now, whatever time they name", granted.Latencies)
	}
	for stage, name := range engine.Stages() {
		if granted.Stages[stage] <= 0 {
			t.Errorf("stage %s took no time", name)
		}
	}

	s.write(`UPDATE referral.purchase SET attributes = '{"seen": true}'`)
	s.converge()
	if got := o.drain(); len(got.Pairs) > 0 || len(got.Latencies) > 0 || len(got.Credits) > 0 {
		t.Errorf("a change without effect: %+v", got)
	}

	s.write(refund)
	s.converge()
	reversed := o.drain()
	if diff := cmp.Diff(map[reward.State]int{reward.Reversed: 1}, reversed.Pairs); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[engine.CreditFlow]int64{{Kind: reward.Reversal, Currency: "USD"}: 500}, reversed.Credits); diff != "" {
		t.Error(diff)
	}
	if len(reversed.Latencies) > 0 {
		t.Error("a pair has its latency once, when it is decided first")
	}
}

// The latency tells how late the engine is. A purchase that did not count when it arrived, and counts
// later for another cause, would count as days late.
func TestOnlyPairsThatCountOnArrivalHaveALatency(t *testing.T) {
	const buy = "INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('bob', $1, $2, 'USD')"
	signUp := func(s *shop) {
		s.write(link)
		s.write("INSERT INTO referral.signup (user_id, code, signed_up_at) VALUES ('bob', 'alice1', now() - interval '1 h')")
	}
	minimum := func(amount int64) reward.Terms {
		terms := every()
		terms.MinimumAmounts = map[string]int64{"USD": amount}
		return terms
	}
	for name, c := range map[string]struct {
		before, then func(s *shop)
		want         int
	}{
		"a purchase arrives": {
			func(s *shop) { s.declare("invite", fiveDollars()); signUp(s) },
			func(s *shop) { s.write(buy, "p1", 1000) }, 1,
		},
		"its signup arrives after it": {
			func(s *shop) { s.declare("invite", fiveDollars()); s.write(buy, "p1", 1000) },
			signUp, 1,
		},
		"another purchase arrives and each counts": {
			func(s *shop) { s.declare("invite", every()); signUp(s); s.write(buy, "p1", 1000) },
			func(s *shop) { s.write(buy, "p2", 1000) }, 1,
		},
		"a purchase arrives after an edit": {
			func(s *shop) { s.declare("invite", minimum(900)); signUp(s) },
			func(s *shop) {
				s.declare("invite", minimum(500), inMode(reward.Open, 2))
				s.write(buy, "p1", 600)
			}, 1,
		},
		"the campaign is declared later": {
			func(s *shop) { signUp(s); s.write(buy, "p1", 1000) },
			func(s *shop) { s.declare("invite", fiveDollars()) }, 0,
		},
		"an edit lowers the minimum": {
			func(s *shop) { s.declare("invite", minimum(2000)); signUp(s); s.write(buy, "p1", 1000) },
			func(s *shop) {
				s.declare("invite", minimum(500), inMode(reward.Open, 2), func(d *database.Declaration) { d.Scope = "AllPairs" })
			}, 0,
		},
		"the first purchase is refunded": {
			func(s *shop) {
				s.declare("invite", fiveDollars())
				signUp(s)
				s.write(buy, "p1", 1000)
				s.write(buy, "p2", 1000)
			},
			func(s *shop) {
				s.write("INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('bob', 'p1', 'r', 1000)")
			}, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			o := &observer{}
			s.engine = s.newEngine(engine.Options{Observer: o})
			c.before(s)
			s.converge()
			before := o.drain()
			c.then(s)
			s.converge()
			report := o.drain()
			if report.Pairs[reward.Granted] != 1 || len(report.Latencies) != c.want {
				t.Errorf("%v, latencies %v, want %d; before %v", report.Pairs, report.Latencies, c.want, before.Pairs)
			}
		})
	}
}

func TestObserverLearnsOfFailures(t *testing.T) {
	s := newShop(t)
	o := &observer{}
	s.engine = s.newEngine(engine.Options{Observer: o})
	s.declare("invite", fiveDollars())
	s.engine.Replace("load_signup", "SELECT 1 / 0 WHERE $1::text[] IS NOT NULL AND $2::boolean IS NOT NULL")
	s.write(signup)
	if err := s.engine.Attempts(t.Context(), 1); err == nil {
		t.Fatal("the batch succeeded")
	}
	var classes []string
	for _, err := range o.failures {
		classes = append(classes, postgres.StateClass(err))
	}
	if !slices.Contains(classes, "22") {
		t.Errorf("classes of failures: %q", classes)
	}
}
