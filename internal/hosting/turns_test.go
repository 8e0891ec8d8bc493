package hosting

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
)

// waiter is a job that does nothing.
type waiter place

func (w waiter) place() place { return place(w) }

func newWaiterTurns(waiting ...waiter) turns[waiter] {
	return newTurns(func() []waiter { return waiting }, time.Hour, errors.New("late"))
}

func TestTurnsKeepNothingOfNamespacesWithoutJobs(t *testing.T) {
	turns := newWaiterTurns()
	for n := range 1000 {
		of := waiter{namespace: fmt.Sprint("preview-", n), long: n%2 == 0}
		turns.start(t.Context(), of)
		turns.end(of.namespace)
	}
	if len(turns.last)+len(turns.running) > 0 {
		t.Errorf("they keep %d places and %d running jobs", len(turns.last), len(turns.running))
	}
}

// A namespace whose jobs come one by one would be forgotten after each. Its next job would then
// start before the job of another namespace that was already waiting.
func TestTurnsKeepTheOrderOfNamespacesWhileJobsWait(t *testing.T) {
	waiting, eager := waiter{namespace: "waiting"}, waiter{namespace: "eager"}
	turns := newWaiterTurns(eager, waiting)
	turns.start(t.Context(), waiting)
	turns.start(t.Context(), eager)
	turns.end("eager")
	turns.end("waiting")
	if next, ok := turns.next(); !ok || next != waiting {
		t.Errorf("the order is lost: %+v comes first", next)
	}
}

// planning runs plans that take as long as they are told, on the clock of synctest.
type planning struct {
	*Plans
	t    *testing.T
	jobs map[types.NamespacedName]PlanJob

	mu      sync.Mutex
	lasts   map[string]time.Duration // by campaign
	started []string                 // campaigns
}

// endless is longer than any run may take.
const endless = 1000 * time.Hour

func newPlanning(t *testing.T) *planning {
	t.Helper()
	p := &planning{t: t, jobs: map[types.NamespacedName]PlanJob{}, lasts: map[string]time.Duration{}}
	p.Plans = NewPlans(func(ctx context.Context, _ types.NamespacedName, request engine.PlanRequest) (*engine.PlanResult, error) {
		p.mu.Lock()
		campaign := request.Campaign.Name
		p.started = append(p.started, campaign)
		lasts := p.lasts[campaign]
		p.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("while planning: %w", ctx.Err())
		case <-time.After(lasts):
			return &engine.PlanResult{}, nil
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = p.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return p
}

// create has a plan run that takes so long.
func (p *planning) create(namespace, campaign string, lasts time.Duration) types.NamespacedName {
	p.mu.Lock()
	p.lasts[campaign] = lasts
	p.mu.Unlock()
	name := types.NamespacedName{Namespace: namespace, Name: campaign}
	p.jobs[name] = PlanJob{UID: campaign, Created: time.Now(), Request: engine.PlanRequest{Campaign: database.Campaign{Name: campaign}}}
	p.Ensure(name, p.jobs[name])
	synctest.Wait()
	return name
}

func (p *planning) state(name types.NamespacedName) PlanState {
	synctest.Wait()
	return p.Ensure(name, p.jobs[name])
}

// starts returns which runs have been started, in this order.
func (p *planning) starts() []string {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.started)
}

func TestPlansRunOnWhileNoOtherWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlanning(t)
		for _, namespace := range []string{"growth", "payroll"} {
			p.create(namespace, namespace, 50*time.Minute)
			p.create(namespace, namespace+"-2", time.Minute) // waits for its own namespace
			time.Sleep(time.Second)                          // so that one of the two ends first
		}
		time.Sleep(50 * time.Minute)
		if got := p.starts(); !slices.Equal(got, []string{"growth", "payroll", "growth-2", "payroll-2"}) {
			t.Errorf("started %q", got)
		}
	})
}

func TestPlanFailsOnceItHasRunForTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlanning(t)
		name := p.create("growth", "endless", endless)
		time.Sleep(planTimeout - time.Second)
		if state := p.state(name); !state.Running {
			t.Fatalf("before its time is over: %+v", state)
		}
		time.Sleep(time.Second)
		if state := p.state(name); !errors.Is(state.Err, ErrPlanTimeout) {
			t.Errorf("when its time is over: %+v", state)
		}
	})
}

// Two namespaces whose plans never end, in an order that keeps one of them young.
func TestQuickPlanStartsWithinATurnWhileOthersAreEndless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlanning(t)
		first := p.create("endless", "endless", endless)
		time.Sleep(turnLength / 2)
		second := p.create("endless-2", "endless-2", endless)
		time.Sleep(time.Minute)
		quick := p.create("quiet", "quick", time.Minute)
		time.Sleep(turnLength - time.Minute)
		if state := p.state(quick); !state.Running || !p.state(first).Running || !p.state(second).Interrupted {
			t.Errorf("%+v, the others: %+v, %+v", state, p.state(first), p.state(second))
		}
		time.Sleep(time.Minute)
		if state := p.state(quick); state.Result == nil || !p.state(second).Interrupted {
			t.Errorf("after a minute more: %+v, the second: %+v", state, p.state(second))
		}
		// The interrupted one starts again when the long one has ended, and has all its time.
		time.Sleep(planTimeout - time.Since(p.jobs[first].Created))
		if !errors.Is(p.state(first).Err, ErrPlanTimeout) || !p.state(second).Running {
			t.Errorf("at its deadline: the first %+v, the second %+v", p.state(first), p.state(second))
		}
		p.create("endless-3", "endless-3", endless)
		p.create("quiet", "quick-2", time.Minute)
		time.Sleep(planTimeout - time.Second)
		if !p.state(second).Running {
			t.Errorf("the second, before its deadline: %+v", p.state(second))
		}
	})
}

// A namespace that creates its next endless plan as soon as one has ended, a crowd of them.
func TestLongPlansEndOneByOneBesideEndlessOnesOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlanning(t)
		const crowd = 3
		hostile := map[string]types.NamespacedName{}
		keep := func() {
			for n := range crowd {
				namespace := fmt.Sprint("endless-", n)
				if last, found := hostile[namespace]; !found || p.state(last).Ended() {
					p.Drop(last)
					hostile[namespace] = p.create(namespace, fmt.Sprint(namespace, "-", time.Now().Unix()), endless)
				}
			}
		}
		keep()
		began := time.Now()
		long, longToo := p.create("growth", "long", 50*time.Minute), p.create("payroll", "long-too", 50*time.Minute)
		var quick []types.NamespacedName
		slowest := time.Duration(0)
		for time.Since(began) < 8*time.Hour {
			// The namespaces of the long plans have quick ones as well.
			for _, namespace := range []string{"growth", "gate"} {
				quick = append(quick, p.create(namespace, fmt.Sprint(namespace, "-", time.Now().Unix()), time.Minute))
			}
			time.Sleep(time.Minute)
			keep()
			quick = slices.DeleteFunc(quick, func(name types.NamespacedName) bool {
				if !p.state(name).Ended() {
					return false
				}
				if name.Namespace == "gate" {
					slowest = max(slowest, time.Since(p.jobs[name].Created))
				}
				p.Drop(name)
				return true
			})
			time.Sleep(20 * time.Minute)
		}
		if p.state(long).Result == nil || p.state(longToo).Result == nil {
			t.Errorf("the long plans: %+v, %+v", p.state(long), p.state(longToo))
		}
		if most := (crowd + 3) * turnLength; slowest == 0 || slowest > most {
			t.Errorf("the slowest quick plan took %s, want at most %s", slowest, most)
		}
	})
}

// A long plan that waits for another of its namespace keeps its place.
func TestQuickPlansDoNotDelayALongOneOfTheirNamespace(t *testing.T) {
	growth, other, quick := waiter{"growth", true}, waiter{"other", true}, waiter{"growth", false}
	turns := newWaiterTurns(growth, other)
	turns.start(t.Context(), quick)
	if next, ok := turns.next(); ok {
		t.Errorf("%+v starts before it", next)
	}
	turns.end("growth")
	if next, ok := turns.next(); !ok || next != growth {
		t.Errorf("%+v comes next", next)
	}
}

func TestDroppedPlanThatGaveWayDoesNotStartAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlanning(t)
		p.create("endless", "endless", endless)
		second := p.create("endless-2", "endless-2", endless)
		p.create("quiet", "quick", time.Minute)
		time.Sleep(turnLength)
		if !p.state(second).Interrupted {
			t.Fatalf("%+v", p.state(second))
		}
		p.Drop(second)
		time.Sleep(2 * planTimeout)
		if got := p.starts(); !slices.Equal(got, []string{"endless", "endless-2", "quick"}) {
			t.Errorf("started %q", got)
		}
	})
}
