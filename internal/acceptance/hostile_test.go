package acceptance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

// TestTrackerUnderHostileLoad attacks a tracker in every way at once while its database goes away
// twice. It runs for as long as HOSTILE says, such as 10m.
func TestTrackerUnderHostileLoad(t *testing.T) {
	text := os.Getenv("HOSTILE")
	if text == "" {
		t.Skip("HOSTILE=10m runs the tracker under hostile load")
	}
	period, err := time.ParseDuration(text)
	testworld.Must(t, err)
	postgres := testworld.NewPostgres(t, testworld.PostgresOptions{Durable: true})
	w := newWorld(t, testworld.Cluster(t), postgres)
	w.manager()
	w.apply(fiveDollars)
	h := &hostile{edge: newEdge(t, w, w.own.WriterURI)}
	h.click(t.Context()) // the link is in memory from now on

	ctx, stop := context.WithTimeout(t.Context(), period)
	defer stop()
	var load sync.WaitGroup
	for _, part := range []struct {
		clients int
		once    func(ctx context.Context, client, n int)
	}{
		{200, h.slowHeader}, {200, h.unread}, {8, h.flood}, {4, h.junkToken}, {4, h.largeBatch}, {4, h.prefetch}, {4, h.unknownCode},
		{4, h.shop},
	} {
		for client := range part.clients {
			load.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					part.once(ctx, client, n)
				}
			})
		}
	}
	for range 2 { // the database goes away
		pause(ctx, period/5)
		testworld.Must(t, postgres.Halt())
		pause(ctx, min(10*time.Second, period/10))
		testworld.Must(t, postgres.Start(t.Context()))
	}
	<-ctx.Done()
	load.Wait()
	t.Logf("%d signups with purchases, %d answered for the moment", len(h.users), h.later.Load())

	peak, err := h.PeakMemory()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	testworld.Must(t, err)
	if peak > 96 {
		t.Errorf("the tracker took %.0f MiB", peak)
	}
	if len(h.users) == 0 {
		t.Fatal("no visitor signed up")
	}
	want := fmt.Sprint(len(h.users))
	w.eventually("nothing that was acknowledged is lost", "SELECT count(*) FROM referral.purchase WHERE user_id LIKE 'user-%'", want)
	w.eventually("true visitors are attributed",
		"SELECT count(*) FROM referral.attribution WHERE user_id LIKE 'user-%' AND referrer_id = 'alice'", want)
	w.eventually("nothing is wrong", "SELECT count(*) FROM referral.violations()", "0")
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// hostile is a tracker with attackers and, among them, true visitors.
type hostile struct {
	*edge
	later atomic.Int64

	mu    sync.Mutex
	users []string // whose signup and purchase were acknowledged
}

// shop is a true visitor: a click, a signup and a purchase, each repeated until it is answered.
func (h *hostile) shop(ctx context.Context, client, n int) {
	life := context.WithoutCancel(ctx)
	user := fmt.Sprintf("user-%d-%d", client, n)
	var token string
	for token == "" {
		if ctx.Err() != nil {
			return
		}
		_, _, token = h.click(life)
	}
	for _, fact := range []struct {
		path string
		body map[string]any
	}{
		{"/v1/signups", map[string]any{"user_id": user, "visitor": token}},
		{"/v1/purchases", map[string]any{"user_id": user, "purchase_id": "order", "amount": 2500, "currency": "USD"}},
	} {
		for {
			status, _ := h.tell(life, fact.path, fact.body, nil)
			if status == http.StatusCreated || status == http.StatusOK {
				break
			}
			if status != 0 && status != http.StatusServiceUnavailable {
				h.Errorf("%s is answered with %d", fact.path, status)
				return
			}
			h.later.Add(1)
			pause(life, 200*time.Millisecond)
		}
	}
	h.mu.Lock()
	h.users = append(h.users, user)
	h.mu.Unlock()
	pause(ctx, 50*time.Millisecond)
}

// raw sends a text on a connection of its own and reads until the tracker closes it.
func (h *hostile) raw(ctx context.Context, text []byte, patience time.Duration) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", h.address)
	if err != nil {
		pause(ctx, 10*time.Millisecond)
		return
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(text); err == nil {
		_, _ = io.Copy(io.Discard, c)
	}
	pause(ctx, 5*time.Millisecond)
}

var endlessHeader = append([]byte("GET / HTTP/1.1\r\nHost: x\r\nCookie: a="), bytes.Repeat([]byte("x"), 200<<10)...)

func (h *hostile) slowHeader(ctx context.Context, _, _ int) { h.raw(ctx, endlessHeader, 4*time.Second) }

// unread reads no answer.
func (h *hostile) unread(ctx context.Context, _, _ int) {
	if testworld.RequestUnread(ctx, h.address) != nil {
		pause(ctx, 10*time.Millisecond)
	}
}

func (h *hostile) get(ctx context.Context, path string, header ...string) {
	var text strings.Builder
	fmt.Fprintf(&text, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-For: 198.51.%d.%d\r\n",
		path, rand.IntN(250), rand.IntN(250))
	for i := 0; i < len(header); i += 2 {
		fmt.Fprintf(&text, "%s: %s\r\n", header[i], header[i+1])
	}
	h.raw(ctx, []byte(text.String()+"\r\n"), 5*time.Second)
}

func (h *hostile) path() string { return strings.TrimPrefix(h.link, "http://"+h.address) }

func (h *hostile) flood(ctx context.Context, _, _ int) {
	h.get(ctx, h.path()+"?utm_source="+strings.Repeat("x", 3000), "Referer", "https://forum.example/"+strings.Repeat("y", 3000))
}

func (h *hostile) junkToken(ctx context.Context, _, n int) {
	token := visitor.Prefix + strings.Repeat(fmt.Sprintf("%x", rand.Uint64()), 100)
	h.get(ctx, h.path(), "Cookie", "referral="+token[:n%len(token)])
}

func (h *hostile) prefetch(ctx context.Context, _, _ int) {
	h.get(ctx, h.path(), "Sec-Purpose", "prefetch")
}

func (h *hostile) unknownCode(ctx context.Context, client, n int) {
	h.get(ctx, fmt.Sprintf("/r/%s-%d-%d", strings.Repeat("z", 200), client, n))
}

func (h *hostile) largeBatch(ctx context.Context, client, n int) {
	facts := make([]any, 500)
	for i := range facts {
		facts[i] = map[string]any{
			"kind": "action", "action_id": fmt.Sprintf("%d-%d-%d", client, n, i), "user_id": "attacker", "action": "view",
			"target": strings.Repeat("x", 2000),
		}
	}
	h.tell(ctx, "/v1/batch", map[string]any{"facts": facts}, nil)
	pause(ctx, 500*time.Millisecond)
}
