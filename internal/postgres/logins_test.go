package postgres_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// silentServer receives the first message of each login and never answers. What the driver sends to
// cancel a login that has failed is no login.
func silentServer(t *testing.T) (uri string, accepted <-chan net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	testworld.Must(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	const startup = 3 << 16 // the version of the protocol
	connections := make(chan net.Conn, 16)
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				head := make([]byte, 8)
				_, err := io.ReadFull(connection, head)
				if err != nil || binary.BigEndian.Uint32(head[4:]) != startup {
					_ = connection.Close()
					return
				}
				connections <- connection
			}()
		}
	}()
	return "postgresql://shop:secret@" + listener.Addr().String() + "/shop?sslmode=disable&connect_timeout=60", connections
}

// awaitWaiting waits until so many logins wait for their turn.
func awaitWaiting(t *testing.T, l postgres.Logins, count int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); l.Waiting() != count; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d logins wait, not %d", l.Waiting(), count)
		}
	}
}

func TestFewConnectionsAreMadeAtATime(t *testing.T) {
	turns := postgres.NewLogins(4, time.Hour)
	postgres.SetLogins(t, turns)
	uri, accepted := silentServer(t)
	ended := make(chan error, 5)
	for range cap(ended) {
		go func() {
			_, err := postgres.Open(t.Context(), postgres.Config{URI: uri, Schema: postgres.DefaultSchema})
			ended <- err
		}()
	}
	next := func() net.Conn {
		t.Helper()
		select {
		case connection := <-accepted:
			return connection
		case err := <-ended:
			t.Fatal(err)
			return nil
		}
	}
	connections := []net.Conn{next(), next()}
	awaitWaiting(t, turns, 3)
	for range 3 {
		_ = connections[0].Close()
		if err := <-ended; postgres.Classify(err) != postgres.ClassUnreachable {
			t.Error(err)
		}
		connections = append(connections[1:], next())
	}
	for _, connection := range connections {
		_ = connection.Close()
	}
	for range connections {
		if err := <-ended; postgres.Classify(err) != postgres.ClassUnreachable {
			t.Error(err)
		}
	}
	if len(accepted) > 0 {
		t.Errorf("%d more connections", len(accepted))
	}
}

// A pool's further connections wait for their turn as well, and not once they are made.
func TestFurtherConnectionsWaitForTheirTurn(t *testing.T) {
	turns := postgres.NewLogins(1, time.Hour)
	postgres.SetLogins(t, turns)
	own := testworld.NewDatabase(t)
	db := open(t, own.URI, postgres.DefaultSchema)
	another := open(t, own.URI, postgres.DefaultSchema)
	tx, err := db.Begin(t.Context())
	testworld.Must(t, err)
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()

	uri, accepted := silentServer(t)
	go func() { _, _ = postgres.Open(t.Context(), postgres.Config{URI: uri, Schema: postgres.DefaultSchema}) }()
	silent := <-accepted
	testworld.Must(t, another.Ping(t.Context())) // it has a connection
	pinged := make(chan error, 1)
	go func() { pinged <- db.Ping(t.Context()) }()
	awaitWaiting(t, turns, 1)
	testworld.Must(t, silent.Close())
	testworld.Must(t, <-pinged)
}

// A use that waits for a turn takes a connection that becomes idle meanwhile.
func TestIdleConnectionEndsTheWaitForATurn(t *testing.T) {
	turns := postgres.NewLogins(1, time.Hour)
	postgres.SetLogins(t, turns)
	db := open(t, testworld.NewDatabase(t).URI, postgres.DefaultSchema)
	tx, err := db.Begin(t.Context())
	testworld.Must(t, err)
	end, err := turns.Await(t.Context(), "another", false)
	testworld.Must(t, err)
	defer end()
	pinged := make(chan error, 1)
	go func() { pinged <- db.Ping(t.Context()) }()
	awaitWaiting(t, turns, 1)
	testworld.Must(t, tx.Rollback(t.Context()))
	testworld.Must(t, <-pinged)
	if turns.Waiting() != 0 || db.Stat().NewConnsCount() != 1 {
		t.Errorf("%d logins wait, and %d connections were made", turns.Waiting(), db.Stat().NewConnsCount())
	}
}

// Databases whose server is away try to log in again and again.
func TestNewDatabaseDoesNotWaitForThoseWhoseServerIsAway(t *testing.T) {
	turns := postgres.NewLogins(1, time.Hour)
	postgres.SetLogins(t, turns)
	own := testworld.NewDatabase(t)
	proxy := testworld.NewProxy(t, own.Server().Address())
	db := open(t, strings.Replace(own.URI, own.Server().Address(), proxy.Address(), 1), postgres.DefaultSchema)
	proxy.Cut()
	proxy.Swallow()
	db.Reset()
	hasty, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := db.Ping(hasty); err == nil {
		t.Fatal("the server answers")
	}
	proxy.Cut() // the login that was left behind fails
	end, err := turns.Await(t.Context(), "", false)
	testworld.Must(t, err)

	uri, accepted := silentServer(t)
	opening, stop := context.WithCancel(t.Context())
	defer stop()
	go func() { _, _ = postgres.Open(opening, postgres.Config{URI: uri, Schema: postgres.DefaultSchema}) }()
	awaitWaiting(t, turns, 1)
	go func() { _ = db.Ping(opening) }()
	awaitWaiting(t, turns, 2)
	tried := proxy.Accepted()
	end()
	connection := <-accepted
	if proxy.Accepted() != tried {
		t.Error("the database whose server is away was first")
	}
	_ = connection.Close()
}

// While a server does not answer, uses of a database leave one login behind, however many end early.
func TestOutageLeavesOneLoginBehind(t *testing.T) {
	t.Parallel()
	own := testworld.NewDatabase(t)
	proxy := testworld.NewProxy(t, own.Server().Address())
	db := open(t, strings.Replace(own.URI, own.Server().Address(), proxy.Address(), 1), postgres.DefaultSchema)
	proxy.Swallow()
	for range 5 {
		hasty, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if err := db.Ping(hasty); err == nil {
			t.Error("the server answers")
		}
		cancel()
	}
	proxy.Pass()
	testworld.Must(t, db.Ping(t.Context()))
	if made := db.Stat().NewConnsCount(); made > 2 {
		t.Errorf("%d connections were made, of which one before", made)
	}
}

func TestTenantsTakeTurns(t *testing.T) {
	l := postgres.NewLogins(1, time.Hour)
	end, err := l.Await(t.Context(), "a", false)
	testworld.Must(t, err)
	granted, next := make(chan string), make(chan struct{})
	for i, login := range []struct {
		name, tenant string
		well         bool
	}{
		{"a opens", "a", false}, {"a opens another", "a", false}, {"a goes on", "a", true}, {"b opens", "b", false},
	} {
		go func() {
			end, err := l.Await(context.Background(), login.tenant, login.well)
			if err == nil {
				granted <- login.name
				<-next
				end()
				end() // does nothing
			}
		}()
		awaitWaiting(t, l, i+1)
	}
	end()
	var order []string
	for range 4 {
		order = append(order, <-granted)
		next <- struct{}{}
	}
	if want := []string{"a goes on", "b opens", "a opens", "a opens another"}; !slices.Equal(order, want) {
		t.Errorf("order: %q", order)
	}
}

// A tenant whose servers do not answer has half of the turns at most, and the next tenant half of the
// rest.
func TestTenantsLeaveTurnsToOthers(t *testing.T) {
	l := postgres.NewLogins(8, time.Hour)
	ended, cancel := context.WithCancel(t.Context())
	waiting := 0
	for _, tenant := range []struct {
		name string
		gets int
	}{{"a", 4}, {"b", 2}, {"c", 1}} {
		for range tenant.gets {
			_, err := l.Await(t.Context(), tenant.name, false)
			testworld.Must(t, err)
		}
		go func() { _, _ = l.Await(ended, tenant.name, false) }()
		waiting++
		awaitWaiting(t, l, waiting)
	}
	cancel()
	awaitWaiting(t, l, 0)
}

func TestLoginThatTakesLongGivesItsTurnAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := postgres.NewLogins(1, time.Second)
		began := time.Now()
		end, err := l.Await(t.Context(), "a", false)
		testworld.Must(t, err)
		for range 2 {
			_, err := l.Await(t.Context(), "b", false)
			testworld.Must(t, err)
		}
		if waited := time.Since(began); waited != 2*time.Second {
			t.Errorf("two further logins waited %s", waited)
		}
		end() // of a login that has no turn any more
		synctest.Wait()
		impatient, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		if _, err := l.Await(impatient, "b", false); !errors.Is(err, context.DeadlineExceeded) || l.Waiting() != 0 {
			t.Errorf("a further login did not wait, or still waits: %v", err)
		}
		_, err = l.Await(t.Context(), "b", false)
		testworld.Must(t, err)
	})
}
