package engine

import (
	"context"
	"maps"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Replace replaces a statement: a test removes a guard to show what the guard prevents.
func (e *Engine) Replace(name, sql string) {
	e.sql = maps.Clone(e.sql)
	e.sql[name] = sql
}

// Statement is the text of one of the engine's statements.
func (e *Engine) Statement(name string) string { return e.statement(name) }

// Poller is what an engine polls with.
type Poller struct{ poller *poller }

// NewPoller returns a poller of an engine that does not run.
func (e *Engine) NewPoller() *Poller { return &Poller{newPoller(e)} }

// Poll makes one poll and reports whether there is work or a step of a resync. The engine stays
// idle.
func (p *Poller) Poll(ctx context.Context) (bool, error) {
	found, err := p.poller.poll(ctx)
	p.poller.worked = time.Time{}
	return !found.nothing(), err
}

// Empty reports whether the queue is known to be empty, so that the next poll is one of an idle
// database.
func (p *Poller) Empty() bool { return p.poller.empty }

// Next returns how long the engine would wait before the next poll.
func (p *Poller) Next() time.Duration { return p.poller.next(time.Now()) }

// UntilTurn is the time until a replica's next turn to poll.
func UntilTurn(now time.Time, phase, interval time.Duration, place database.Place) time.Duration {
	return untilTurn(now, phase, interval, &place)

}

// Reverser takes back what reversed campaigns gave, one step per attempt.
type Reverser struct{ reverser *reverser }

// NewReverser returns a reverser whose steps read at most so many rows.
func (e *Engine) NewReverser(rows int) Reverser { return Reverser{newReverser(e, rows)} }

// Attempt attempts one step. After an error it reports whether another attempt may follow at once.
func (r Reverser) Attempt(ctx context.Context) (did, atOnce bool, err error) {
	return r.reverser.attempt(ctx)
}

// Waits returns until when a campaign's keys that failed wait.
func (r Reverser) Waits(campaign string) time.Time {
	if w := r.reverser.walks[campaign]; w != nil {
		return w.waits
	}
	return time.Time{}
}

// EndWait ends the wait of a campaign.
func (r Reverser) EndWait(campaign string) { r.reverser.walks[campaign].waits = time.Time{} }

// ReverseStep does one step of a reversal, of at most so many rows.
func (e *Engine) ReverseStep(ctx context.Context, rows int) (did bool, err error) {
	did, _, err = e.NewReverser(rows).Attempt(ctx)
	return did, err
}

// Attempts runs at most n batches, while there is work.
func (e *Engine) Attempts(ctx context.Context, n int) error {
	w := newWorker(e, 0)
	for range n {
		if _, err := e.poll(ctx); err != nil {
			return err
		}
		if did, _, err := w.attempt(ctx); err != nil || !did {
			return err
		}
	}
	return nil
}

// LimitClaims lets a plan keep so many claims. It returns a function that undoes it.
func LimitClaims(claims int) (undo func()) {
	before := bytesOfClaims
	bytesOfClaims = claims * bytesPerClaim
	return func() { bytesOfClaims = before }
}

// SetBatchTime changes how long a whole batch may take.
func (e *Engine) SetBatchTime(most time.Duration) { e.batchTime = most }

// SetDecideTimeout changes how long a batch may take to decide.
func (e *Engine) SetDecideTimeout(timeout time.Duration) { e.decideTimeout = timeout }

// Verification is one that a test changes before it runs.
type Verification struct{ *verification }

// NewVerification returns a verification in ranges of so many rows, that names so many examples.
func NewVerification(db *postgres.DB, rows, examples int) Verification {
	v := newVerification(db)
	v.mostRange, v.examples = rows, examples
	return Verification{v}
}

// Replace replaces one of its statements.
func (v Verification) Replace(name, sql string) { v.engine.Replace(name, sql) }

// Statement is the text of one of its statements.
func (v Verification) Statement(name string) string { return v.engine.statement(name) }

// Run runs it.
func (v Verification) Run(ctx context.Context, progress func(verified, total int64)) (*VerifyResult, error) {
	return v.run(ctx, progress)
}

// LogNames logs each kind of line that names a user or a campaign of the server.
func (e *Engine) LogNames(name string, cause error) {
	b := &batch{engine: e}
	b.setAside(newReferee(name), cause)
	(&erasure{referee: newReferee(name)}).postpone(b, cause)
	b.logCommitted()
	(&resyncStep{batch: b, drift: map[string]*drift{name: {}}}).logDrift()
}

// WalkPlan walks the ranges of a plan, with one of its statements replaced.
func WalkPlan(ctx context.Context, db *postgres.DB, request PlanRequest, statement, sql string) error {
	inForce, err := LoadDeclared(ctx, db)
	if err != nil {
		return err
	}
	p := &plan{engine: New(db, Options{}), request: &request, inForce: &inForce}
	p.engine.Replace(statement, sql)
	if err := p.begin(ctx); err != nil {
		return err
	}
	return p.walk(ctx, p.addRange)
}

// PlanReplacing is Plan with one of its statements replaced, without beginning again.
func PlanReplacing(ctx context.Context, db *postgres.DB, request PlanRequest, statement, sql string) (*PlanResult, error) {
	p, err := newPlan(ctx, db, &request)
	if err != nil {
		return nil, err
	}
	p.engine.Replace(statement, sql)
	return p.run(ctx)
}

// Loaded reports whether the engine has a configuration.
func (e *Engine) Loaded() bool { return e.config.Load() != nil }

// LoadedEpoch is the epoch of the configuration that the engine has loaded.
func (e *Engine) LoadedEpoch() int64 { return e.config.Load().Epoch }

// BatchBytes is the memory that batches have reserved.
// ReserveForBatches reserves memory for batches of a tenant, a mebibyte at a time, up to most, and
// returns how many.
func ReserveForBatches(tenant string, most int) (mebibytes int) {
	for mebibytes < most && batchMemory.Reserve(tenant, 1<<20) {
		mebibytes++
	}
	return mebibytes
}

// ReleaseForBatches releases that memory.
func ReleaseForBatches(tenant string, mebibytes int) { batchMemory.Release(tenant, mebibytes<<20) }

func BatchBytes() int { return batchMemory.Reserved() }

// DeclaredBytes is the memory that configurations have reserved.
func DeclaredBytes() int { return declaredMemory.Reserved() }

// Size is the memory that the configuration is counted as.
func (c *Declared) Size() int { return c.size() }

// FailedAlone attempts so many steps of a resync in ranges of one referee, and returns how many
// referees have failed alone.
func (e *Engine) FailedAlone(ctx context.Context, steps int) (int, error) {
	s := newResyncer(e)
	s.refereesPerRange = 1
	for range steps {
		if _, err := e.poll(ctx); err != nil {
			return 0, err
		}
		if _, err := s.attempt(ctx, true); err != nil {
			s.handleFailure(ctx, err)
		}
	}
	return len(s.failedAlone), nil
}

// Exhausted lists the campaigns whose claims are expected to wait, after one more.
func (e *Engine) Exhausted(ctx context.Context, more string) (names []string, err error) {
	e.rememberExhausted(more, true)
	_, err = e.reload(ctx)
	e.exhausted.Range(func(name, _ any) bool {
		names = append(names, name.(string))
		return true
	})
	return names, err
}

// ChangeKinds are the kinds of changes with what their keys name.
func ChangeKinds() map[string]string {
	all := map[string]string{}
	for kind, is := range changeKinds {
		all[kind] = string(is.names)
	}
	return all
}
