package hosting

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

const (
	// progressInterval is how often the progress of a running plan is fed at most.
	progressInterval = 5 * time.Second

	// planTimeout is how long one run of a plan may take.
	planTimeout = time.Hour
)

// ErrPlanTimeout is why a plan has failed that has run for too long.
var ErrPlanTimeout = fmt.Errorf("the run has not ended within %s: find out why the database answers slowly", planTimeout)

// PlanJob is the work that a RewardPlan requests.
type PlanJob struct {
	UID      string               // of the RewardPlan
	Created  time.Time            // plans of a namespace run in this order
	Database types.NamespacedName // in the namespace of the RewardPlan
	Request  engine.PlanRequest   // without Progress
}

// same reports whether both ask for the same.
func (j PlanJob) same(other PlanJob) bool {
	return j.UID == other.UID && j.Database == other.Database && reflect.DeepEqual(j.Request, other.Request)
}

// PlanState is how far a plan is. One of Result and Err is set once it has ended.
type PlanState struct {
	Running        bool
	Interrupted    bool  // does not run: it ran for long, has given way, and starts again as a long plan
	Decided, Total int64 // as of the last time that the plan was fed
	Result         *engine.PlanResult
	Err            error
}

// Ended reports whether the plan has a result or has failed.
func (s PlanState) Ended() bool { return s.Result != nil || s.Err != nil }

// PlanFunc runs one plan on a database.
type PlanFunc func(context.Context, types.NamespacedName, engine.PlanRequest) (*engine.PlanResult, error)

// Plans runs plans beside the engines: one at a time per namespace and so per database, two in all.
// Namespaces take turns; see turns for plans that take long. What it knows is in memory only: a
// process that becomes leader starts all unfinished plans again.
type Plans struct {
	run   PlanFunc
	moved *Feed

	mu    sync.Mutex
	plans map[types.NamespacedName]*plan
	turns turns[*plan]
}

// plan is one RewardPlan, guarded by the mutex of Plans.
type plan struct {
	name    types.NamespacedName
	job     *PlanJob // nil: admitted, and cannot run now
	state   PlanState
	decided int64 // newer than those of state
	total   int64
	fedAt   time.Time
	long    bool               // it has given way to others, and runs as a long one
	end     context.CancelFunc // nil: has yet to start
}

// NewPlans returns an empty Plans. Registry.Plan is the run of a process.
func NewPlans(run PlanFunc) *Plans {
	p := &Plans{run: run, moved: NewFeed(), plans: map[types.NamespacedName]*plan{}}
	p.turns = newTurns(p.waiting, planTimeout, ErrPlanTimeout)
	return p
}

// Moved feeds the names of plans that have started, progressed or ended.
func (p *Plans) Moved() *Feed { return p.moved }

// Run starts plans in turn until ctx ends, and returns nil when all of them have ended. Run must
// not be called twice.
func (p *Plans) Run(ctx context.Context) error {
	return p.turns.run(ctx, p.startNext)
}

// Admit admits a plan unless its namespace has most unfinished ones. Counted are the others, which
// an earlier process has admitted, and those that this process has admitted and that have neither
// been dropped nor ended. A plan that is known already stays admitted.
func (p *Plans) Admit(name types.NamespacedName, others []types.NamespacedName, most int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.plans[name]; ok {
		return true
	}
	unfinished := map[types.NamespacedName]bool{}
	for _, other := range others {
		unfinished[other] = true
	}
	for _, known := range p.plans {
		if known.name.Namespace == name.Namespace && !known.state.Ended() {
			unfinished[known.name] = true
		}
	}
	if len(unfinished) >= most {
		return false
	}
	p.plans[name] = &plan{name: name}
	return true
}

// Ensure runs a plan, and returns its progress. A plan whose job differs from the last one starts
// again.
func (p *Plans) Ensure(name types.NamespacedName, job PlanJob) PlanState {
	p.mu.Lock()
	defer p.mu.Unlock()
	known, ok := p.plans[name]
	if ok && known.job != nil && known.job.same(job) {
		return known.state
	}
	if ok {
		known.cancel()
	}
	p.plans[name] = &plan{name: name, job: &job}
	signal(p.turns.wake)
	return PlanState{}
}

// Pause ends a plan and leaves it admitted: it cannot run now. It does not wait for the end.
func (p *Plans) Pause(name types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known, ok := p.plans[name]; ok {
		known.cancel()
		p.plans[name] = &plan{name: name}
	}
}

// Drop ends and forgets a plan. It does not wait for the end.
func (p *Plans) Drop(name types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known, ok := p.plans[name]; ok {
		known.cancel()
		delete(p.plans, name)
	}
}

// startNext marks the next plan as running, and returns what runs it; nil: none may start now.
func (p *Plans) startNext(ctx context.Context) (run func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	next, ok := p.turns.next()
	if !ok || ctx.Err() != nil {
		return nil
	}
	ctx, next.end = p.turns.start(ctx, next)
	next.state = PlanState{Running: true}
	p.feed(next)
	request := next.job.Request
	request.Progress = func(decided, total int64) { p.progress(next, decided, total) }
	return func() {
		result, err := p.run(ctx, next.job.Database, request)
		p.ended(next, result, p.turns.endedBy(ctx, err))
	}
}

// waiting returns the plans that have yet to start, in the order of their creation.
func (p *Plans) waiting() []*plan {
	var waiting []*plan
	for _, known := range p.plans {
		if known.job != nil && known.end == nil {
			waiting = append(waiting, known)
		}
	}
	slices.SortFunc(waiting, func(a, b *plan) int {
		return cmp.Or(a.job.Created.Compare(b.job.Created), cmp.Compare(a.name.String(), b.name.String()))
	})
	return waiting
}

func (of *plan) place() place { return place{of.name.Namespace, of.long} }

func (p *Plans) progress(of *plan, decided, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	of.decided, of.total = decided, total
	if time.Since(of.fedAt) >= progressInterval {
		p.feed(of)
	}
}

func (p *Plans) ended(of *plan, result *engine.PlanResult, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if errors.Is(err, errTurnOver) {
		of.end, of.long = nil, true
		of.decided, of.total, of.state = 0, 0, PlanState{Interrupted: true}
	} else {
		of.state.Running, of.state.Result, of.state.Err = false, result, err
	}
	p.turns.end(of.name.Namespace)
	p.feed(of)
}

// feed shows the newest progress.
func (p *Plans) feed(of *plan) {
	of.state.Decided, of.state.Total = of.decided, of.total
	of.fedAt = time.Now()
	p.moved.Add(of.name)
}

// cancel ends a plan that has been started.
func (of *plan) cancel() {
	if of.end != nil {
		of.end()
	}
}

// Plan runs a plan on a database that is being served.
func (r *Registry) Plan(
	ctx context.Context, name types.NamespacedName, request engine.PlanRequest,
) (result *engine.PlanResult, err error) {
	request.Tenant = name.Namespace
	err = r.lendContained(ctx, name, "plan", func(ctx context.Context, db *postgres.DB) (err error) {
		result, err = engine.Plan(ctx, db, request)
		return err
	})
	return result, err
}
