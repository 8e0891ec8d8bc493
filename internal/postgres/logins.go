package postgres

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// loginsAtOnce is how many connections this process makes at a time. A login takes the server up to
	// 100 ms of processor time: if a thousand began at once, each would end too late and be repeated.
	loginsAtOnce = 16

	// longestTurn is how long a login counts among these, the time after which most are given up. One
	// that may take longer goes on without.
	longestTurn = defaultConnectTimeout
)

// allLogins are those of this process.
var allLogins = newLogins(loginsAtOnce, longestTurn)

// logins gives turns to the logins of many tenants. A tenant may have another turn while it has fewer
// than are free: if it is alone it gets half of them, and others find some, however long its servers
// leave logins unanswered. The next turn is that of the tenant that has waited longest for one. Of one
// tenant, databases that are open already come first: what has begun is brought to its end before
// more begins.
type logins struct {
	longest time.Duration // of a turn

	mu      sync.Mutex
	free    int              // how many more may begin
	had     map[string]int   // turns by tenant
	waiting []*waitingTenant // the first has waited longest for a turn
}

// waitingTenant are the logins of a tenant that wait for a turn, in order.
type waitingTenant struct {
	name          string
	opened, first []*login
}

func (t *waitingTenant) next() *login {
	list := &t.first
	if len(t.opened) > 0 {
		list = &t.opened
	}
	next := (*list)[0]
	*list = (*list)[1:]
	return next
}

func (t *waitingTenant) waits() bool { return len(t.opened)+len(t.first) > 0 }

func newLogins(atOnce int, longest time.Duration) *logins {
	return &logins{free: atOnce, longest: longest, had: map[string]int{}}
}

// login is one login. Its turn is from the moment that granted is closed until it is over. It traces
// a connection, to notice when the login has succeeded or failed.
type login struct {
	of      *logins
	tenant  string
	granted chan struct{}
	over    bool
}

// await waits for the turn of a login. first says that it opens a database.
func (l *logins) await(ctx context.Context, tenant string, first bool) (*login, error) {
	one := &login{of: l, tenant: tenant, granted: make(chan struct{})}
	l.add(one, first)
	select {
	case <-one.granted:
		time.AfterFunc(l.longest, one.end)
		return one, nil
	case <-ctx.Done():
		one.end()
		return nil, ctx.Err()
	}
}

func (l *logins) add(one *login, first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := slices.IndexFunc(l.waiting, func(t *waitingTenant) bool { return t.name == one.tenant })
	if at < 0 {
		at = len(l.waiting)
		l.waiting = append(l.waiting, &waitingTenant{name: one.tenant})
	}
	t := l.waiting[at]
	if first {
		t.first = append(t.first, one)
	} else {
		t.opened = append(t.opened, one)
	}
	l.grant()
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
		close(t.next().granted)
		if t.waits() {
			l.waiting = append(l.waiting, t)
		}
	}
}

// remove removes a login that no longer waits for its turn. The mutex must be locked.
func (l *logins) remove(one *login) {
	is := func(other *login) bool { return other == one }
	l.waiting = slices.DeleteFunc(l.waiting, func(t *waitingTenant) bool {
		t.opened, t.first = slices.DeleteFunc(t.opened, is), slices.DeleteFunc(t.first, is)
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
		if l.had[one.tenant]--; l.had[one.tenant] == 0 {
			delete(l.had, one.tenant)
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
func (one *login) TraceConnectEnd(context.Context, pgx.TraceConnectEndData) { one.end() }

// TraceQueryStart does nothing: the driver asks each tracer for it.
func (one *login) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd does nothing.
func (one *login) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
