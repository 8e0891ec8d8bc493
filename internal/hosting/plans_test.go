package hosting_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// planner runs plans that end when the test says so.
type planner struct {
	testing.TB
	*hosting.Plans
	started chan *run
	end     func() // ends Run, and waits for it
}

// run is a plan that has been started: its campaign, and what ends it.
type run struct {
	campaign string
	database types.NamespacedName
	request  engine.PlanRequest
	done     chan error
	gone     <-chan struct{} // closed when the plan was cancelled
}

func newPlanner(t *testing.T) *planner {
	t.Helper()
	p := &planner{TB: t, started: make(chan *run, 100)}
	p.Plans = hosting.NewPlans(func(ctx context.Context, on types.NamespacedName, request engine.PlanRequest) (*engine.PlanResult, error) {
		started := &run{request.Campaign.Name, on, request, make(chan error, 1), ctx.Done()}
		p.started <- started
		select {
		case err := <-started.done:
			return &engine.PlanResult{StepDigest: request.Campaign.Name}, err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	p.end = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(p.end)
	return p
}

// job plans a campaign on a database of its own namespace.
func job(namespace, on, campaign string) (types.NamespacedName, hosting.PlanJob) {
	return types.NamespacedName{Namespace: namespace, Name: campaign}, hosting.PlanJob{
		UID:      "uid-" + campaign,
		Database: types.NamespacedName{Namespace: namespace, Name: on},
		Request:  engine.PlanRequest{Campaign: database.Campaign{Name: campaign}},
	}
}

// next returns the plan that was started next.
func (p *planner) next() *run {
	p.Helper()
	select {
	case started := <-p.started:
		return started
	case <-time.After(patience):
		p.Fatal("no plan was started")
		return nil
	}
}

// none fails the test if a plan was started that should not have been.
func (p *planner) none() {
	p.Helper()
	select {
	case started := <-p.started:
		p.Errorf("%s was started", started.campaign)
	case <-time.After(50 * time.Millisecond):
	}
}

func TestOnePlanRunsPerNamespaceAndTwoInAll(t *testing.T) {
	p := newPlanner(t)
	p.Ensure(job("growth", "shop", "a"))
	p.Ensure(job("growth", "other", "b"))
	first := p.next()
	p.none()
	p.Ensure(job("payroll", "shop", "c"))
	second := p.next()
	if first.campaign != "a" || second.campaign != "c" {
		t.Errorf("started %s and %s", first.campaign, second.campaign)
	}
	p.Ensure(job("support", "shop", "d"))
	p.none()
	second.done <- nil
	if third := p.next(); third.campaign != "d" {
		t.Errorf("started %s while a plan ran in its namespace", third.campaign)
	}
	first.done <- nil
	if fourth := p.next(); fourth.campaign != "b" {
		t.Errorf("started %s", fourth.campaign)
	}
}

func TestNamespacesTakeTurnsWithPlans(t *testing.T) {
	p := newPlanner(t)
	running := map[string]*run{}
	for _, namespace := range []string{"crowd", "crowd-2"} {
		for n := range 50 {
			p.Ensure(job(namespace, fmt.Sprint("db-", n), fmt.Sprint(namespace, "-", n)))
		}
		running[namespace] = p.next()
	}
	p.Ensure(job("quiet", "shop", "quiet"))
	running["crowd"].done <- nil
	if next := p.next(); next.campaign != "quiet" {
		t.Errorf("started %s before the plan of the other namespace", next.campaign)
	}
}

func TestPlansOfANamespaceRunInTheOrderOfTheirCreation(t *testing.T) {
	p := newPlanner(t)
	p.Ensure(job("growth", "shop", "first"))
	running := p.next()
	created := time.Now()
	for n, campaign := range []string{"d", "b", "c"} {
		name, later := job("growth", "shop", campaign)
		later.Created = created.Add(-time.Duration(n) * time.Second)
		p.Ensure(name, later)
	}
	for _, want := range []string{"c", "b", "d"} {
		running.done <- nil
		if running = p.next(); running.campaign != want {
			t.Errorf("started %s, want %s", running.campaign, want)
		}
	}
}

func TestPlanKeepsItsResultUntilItIsDropped(t *testing.T) {
	p := newPlanner(t)
	name, a := job("growth", "shop", "a")
	p.Ensure(name, a)
	p.next().done <- nil
	p.awaitEnd(name, a)
	p.none()
	if state := p.Ensure(name, a); state.Result.StepDigest != "a" || state.Running {
		t.Errorf("state: %+v", state)
	}
	p.Drop(name)
	p.Ensure(name, a)
	failed := p.next()
	failed.done <- errors.New("no")
	if state := p.awaitEnd(name, a); state.Err == nil {
		t.Errorf("state: %+v", state)
	}
}

func (p *planner) awaitEnd(name types.NamespacedName, job hosting.PlanJob) hosting.PlanState {
	p.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if state := p.Ensure(name, job); state.Ended() {
			return state
		}
		if time.Now().After(deadline) {
			p.Fatal("the plan has not ended")
		}
	}
}

func TestPlanStartsAgainWhenItAsksForSomethingElse(t *testing.T) {
	p := newPlanner(t)
	name, a := job("growth", "shop", "a")
	p.Ensure(name, a)
	old := p.next()
	p.Ensure(name, a)
	p.none()
	a.Request.Declaration = &database.Declaration{Destination: "https://mysite.com/"}
	p.Ensure(name, a)
	<-old.gone
	fresh := p.next()
	if fresh.request.Declaration == nil {
		t.Error("the earlier request was started again")
	}
	a.UID = "of another object with the name"
	p.Ensure(name, a)
	<-fresh.gone
	p.next().done <- nil
	p.awaitEnd(name, a)
}

func TestDroppedPlanEndsAndFreesItsDatabase(t *testing.T) {
	p := newPlanner(t)
	name, a := job("growth", "shop", "a")
	p.Ensure(name, a)
	p.Ensure(job("growth", "shop", "b"))
	running := p.next()
	p.Drop(name)
	<-running.gone
	if next := p.next(); next.campaign != "b" {
		t.Errorf("started %s", next.campaign)
	}
}

func TestPausedPlanEndsAndStaysAdmitted(t *testing.T) {
	p := newPlanner(t)
	name, a := job("growth", "shop", "a")
	p.Ensure(name, a)
	running := p.next()
	p.Pause(name)
	<-running.gone
	p.none()
	another, _ := job("growth", "shop", "b")
	if p.Admit(another, nil, 1) {
		t.Error("a paused plan was not counted")
	}
	p.Ensure(name, a)
	p.next().done <- nil
	p.awaitEnd(name, a)
	if !p.Admit(another, nil, 1) {
		t.Error("a plan that has ended was counted")
	}
}

func TestNamespaceHasAtMostSoManyUnfinishedPlans(t *testing.T) {
	p := newPlanner(t)
	name := func(namespace string, n int) types.NamespacedName {
		return types.NamespacedName{Namespace: namespace, Name: fmt.Sprint("plan-", n)}
	}
	before := []types.NamespacedName{name("growth", 0), name("growth", 1)} // of an earlier leader
	for n := range 3 {
		if !p.Admit(name("growth", n), before, 3) {
			t.Errorf("plan %d was not admitted", n)
		}
	}
	if p.Admit(name("growth", 3), before, 3) {
		t.Error("a fourth was admitted")
	}
	if !p.Admit(name("growth", 2), before, 3) {
		t.Error("an admitted one is admitted no longer")
	}
	if !p.Admit(name("payroll", 0), nil, 3) {
		t.Error("another namespace was counted")
	}
	p.Drop(name("growth", 2))
	if !p.Admit(name("growth", 3), before, 3) {
		t.Error("a dropped plan was counted")
	}
}

func TestRunningPlansEndWithRun(t *testing.T) {
	p := newPlanner(t)
	p.Ensure(job("growth", "shop", "a"))
	running := p.next()
	p.end()
	select {
	case <-running.gone:
	default:
		t.Error("Run has ended and the plan has not")
	}
}

func TestMovedNamesPlansThatStartAndEnd(t *testing.T) {
	p := newPlanner(t)
	name, a := job("growth", "shop", "a")
	p.Ensure(name, a)
	running := p.next()
	if moved := p.Moved().Drain(); len(moved) != 1 || moved[0] != name {
		t.Errorf("when it has started: %v", moved)
	}
	running.request.Progress(10, 100) // a moment after the start: it is fed later
	if state := p.Ensure(name, a); !state.Running || state.Total != 0 {
		t.Errorf("state: %+v", state)
	}
	if moved := p.Moved().Drain(); len(moved) != 0 {
		t.Errorf("within a moment of the start: %v", moved)
	}
	running.done <- nil
	state := p.awaitEnd(name, a)
	if moved := p.Moved().Drain(); len(moved) != 1 || moved[0] != name || state.Decided != 10 || state.Total != 100 {
		t.Errorf("when it has ended: %v, %+v", moved, state)
	}
}

func TestLentConnectionsEndWithTheirHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.Lend(t.Context(), shop, query); !errors.Is(err, hosting.ErrNotHosted) {
		t.Errorf("before there is a host: %v", err)
	}
	w.serve()
	inside, ended := make(chan struct{}), make(chan error)
	go func() {
		ended <- w.Lend(context.Background(), shop, func(ctx context.Context, db *postgres.DB) error {
			close(inside)
			_, err := db.Exec(ctx, "SELECT pg_sleep(600)")
			return err
		})
	}()
	<-inside
	w.Ensure(shop, w.config(func(c *hosting.Config) { c.Database.MaxConnections = 5 }))
	if err := <-ended; !errors.Is(err, hosting.ErrConnecting) {
		t.Errorf("after other settings: %v", err)
	}
	w.awaitPhase(hosting.Serving)
	if err := w.Lend(t.Context(), shop, query); err != nil {
		t.Errorf("under the new settings: %v", err)
	}
}
