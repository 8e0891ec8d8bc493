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
	end, err := l.Await(t.Context(), "a", true)
	testworld.Must(t, err)
	granted, next := make(chan string), make(chan struct{})
	for i, login := range []struct {
		name, tenant string
		first        bool
	}{
		{"a opens", "a", true}, {"a opens another", "a", true}, {"a goes on", "a", false}, {"b opens", "b", true},
	} {
		go func() {
			end, err := l.Await(context.Background(), login.tenant, login.first)
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
			_, err := l.Await(t.Context(), tenant.name, true)
			testworld.Must(t, err)
		}
		go func() { _, _ = l.Await(ended, tenant.name, true) }()
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
		end, err := l.Await(t.Context(), "a", true)
		testworld.Must(t, err)
		for range 2 {
			_, err := l.Await(t.Context(), "b", true)
			testworld.Must(t, err)
		}
		if waited := time.Since(began); waited != 2*time.Second {
			t.Errorf("two further logins waited %s", waited)
		}
		end() // of a login that has no turn any more
		synctest.Wait()
		impatient, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		if _, err := l.Await(impatient, "b", true); !errors.Is(err, context.DeadlineExceeded) || l.Waiting() != 0 {
			t.Errorf("a further login did not wait, or still waits: %v", err)
		}
		_, err = l.Await(t.Context(), "b", true)
		testworld.Must(t, err)
	})
}
