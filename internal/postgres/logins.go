package postgres

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// loginsAtOnce is how many connections this process makes at a time. A login takes the server up to
	// 100 ms of processor time: if a thousand began at once, each would end too late and be repeated.
	loginsAtOnce = 16

	// longestTurn is how long a login counts among these. A server that has left one unanswered for so
	// long is hardly at work on it, so it goes on without.
	longestTurn = 2 * time.Second
)

// allLogins are those of this process.
var allLogins = newLogins(loginsAtOnce, longestTurn)

// logins gives turns to the logins of many tenants. A tenant may have another turn while it has fewer
// than are free: if it is alone it gets half of them, and others find some, however long its servers
// leave logins unanswered. The next turn is that of the tenant that has waited longest for one. Of one
// tenant, databases whose last login succeeded come first: what has begun is brought to its end before
// more begins. Among the others a database that was just declared, or was given another URI, waits no
// longer than one whose server is away.
type logins struct {
	longest time.Duration // of a turn

	mu      sync.Mutex
	free    int              // how many more may begin
	had     map[string]int   // turns by tenant
	waiting []*waitingTenant // the first has waited longest for a turn
}

// waitingTenant are the logins of a tenant that wait for a turn, in order.
type waitingTenant struct {
	name         string
	well, others []*login
}

func (t *waitingTenant) next() *login {
	list := &t.others
	if len(t.well) > 0 {
		list = &t.well
	}
	next := (*list)[0]
	*list = (*list)[1:]
	return next
}

func (t *waitingTenant) waits() bool { return len(t.well)+len(t.others) > 0 }

func newLogins(atOnce int, longest time.Duration) *logins {
	return &logins{free: atOnce, longest: longest, had: map[string]int{}}
}

// target is a database to which logins go.
type target struct {
	tenant string
	well   atomic.Bool // the last login succeeded
}

// login is one login. Its turn is from the moment that granted is closed until it is over. It traces
// a connection, to notice when the login has succeeded or failed.
type login struct {
	of      *logins
	to      *target
	granted chan struct{}
	over    bool
}

// await waits for the turn of a login.
func (l *logins) await(ctx context.Context, to *target) (*login, error) {
	one := l.ask(to)
	select {
	case <-one.granted:
		return one, nil
	case <-ctx.Done():
		one.end()
		return nil, ctx.Err()
	}
}

// ask asks for the turn of a login, which the caller has to end.
func (l *logins) ask(to *target) *login {
	one := &login{of: l, to: to, granted: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	at := slices.IndexFunc(l.waiting, func(t *waitingTenant) bool { return t.name == to.tenant })
	if at < 0 {
		at = len(l.waiting)
		l.waiting = append(l.waiting, &waitingTenant{name: to.tenant})
	}
	if t := l.waiting[at]; to.well.Load() {
		t.well = append(t.well, one)
	} else {
		t.others = append(t.others, one)
	}
	l.grant()
	return one
}

// grant gives away the turns that tenants may have. The mutex must be locked.
func (l *logins) grant() {
	for {
		at := slices.IndexFunc(l.waiting, func(t *waitingTenant) bool { return l.had[t.name] < l.free })
		if at < 0 {
			return
		}
		t := l.waiting[at]
		l.waiting = slices.Delete(l.waiting, at, at+1)
		l.free--
		l.had[t.name]++
		one := t.next()
		time.AfterFunc(l.longest, one.end)
		close(one.granted)
		if t.waits() {
			l.waiting = append(l.waiting, t)
		}
	}
}

// remove removes a login that no longer waits for its turn. The mutex must be locked.
func (l *logins) remove(one *login) {
	is := func(other *login) bool { return other == one }
	l.waiting = slices.DeleteFunc(l.waiting, func(t *waitingTenant) bool {
		t.well, t.others = slices.DeleteFunc(t.well, is), slices.DeleteFunc(t.others, is)
		return !t.waits()
	})
}

// end ends the turn of a login, or its wait. It may be called again.
func (one *login) end() {
	l := one.of
	l.mu.Lock()
	defer l.mu.Unlock()
	if one.over {
		return
	}
	one.over = true
	select {
	case <-one.granted:
		l.free++
		tenant := one.to.tenant
		if l.had[tenant]--; l.had[tenant] == 0 {
			delete(l.had, tenant)
		}
		l.grant()
	default:
		l.remove(one)
	}
}

// TraceConnectStart is called when a connection is begun to be made.
func (one *login) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	return ctx
}

// TraceConnectEnd is called when a connection is made, or has failed at each address.
func (one *login) TraceConnectEnd(_ context.Context, data pgx.TraceConnectEndData) {
	one.to.well.Store(data.Err == nil)
	one.end()
}

// TraceQueryStart does nothing: the driver asks each tracer for it.
func (one *login) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd does nothing.
func (one *login) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// turnKey is the key of withTurn.
type turnKey struct{}

// withTurn returns a context in which one connection is made in this turn, and a function to call once
// the context has been used: it ends the turn if no connection was begun in it.
func withTurn(ctx context.Context, turn *login) (using context.Context, used func()) {
	var held atomic.Pointer[login]
	held.Store(turn)
	return context.WithValue(ctx, turnKey{}, &held), func() {
		if unused := held.Swap(nil); unused != nil {
			unused.end()
		}
	}
}

// takeTurn returns the turn of a context, once; nil: it has none.
func takeTurn(ctx context.Context) *login {
	if held, ok := ctx.Value(turnKey{}).(*atomic.Pointer[login]); ok {
		return held.Swap(nil)
	}
	return nil
}

// hasTurn reports whether a connection may be begun in the turn of a context.
func hasTurn(ctx context.Context) bool {
	held, ok := ctx.Value(turnKey{}).(*atomic.Pointer[login])
	return ok && held.Load() != nil
}
