package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

// edge is a tracker with a link, without a gateway.
type edge struct {
	*world
	*tracker
	client *http.Client
	link   string
}

func newEdge(t testing.TB, w *world, databaseURI string) *edge {
	t.Helper()
	address := freeAddress(t)
	e := &edge{world: w, client: &http.Client{
		Timeout:       time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{MaxIdleConnsPerHost: 64},
	}}
	t.Cleanup(e.client.CloseIdleConnections)
	e.tracker = w.startTracker(address, "http://"+address, databaseURI)
	var link struct{ URL string }
	status, _ := e.tell(t.Context(), "/v1/links", map[string]any{"referrer_id": "alice", "campaign": "invite-friends"}, &link)
	if status != http.StatusCreated {
		t.Fatalf("the link is answered with %d", status)
	}
	e.link = link.URL
	return e
}

// tell sends a fact and returns the status of the answer; 0: no answer.
func (e *edge) tell(ctx context.Context, path string, fact map[string]any, answer any) (status int, header http.Header) {
	content, err := json.Marshal(fact)
	if err != nil {
		e.Error(err)
		return 0, nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+e.address+path, bytes.NewReader(content))
	if err != nil {
		e.Error(err)
		return 0, nil
	}
	request.Header.Set("Authorization", "Bearer "+e.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := e.client.Do(request)
	if err != nil {
		return 0, nil
	}
	defer response.Body.Close()
	if answer != nil {
		err = json.NewDecoder(response.Body).Decode(answer)
	} else {
		_, err = io.Copy(io.Discard, response.Body)
	}
	if err != nil {
		return 0, nil
	}
	return response.StatusCode, response.Header
}

// click follows the link and returns the visitor's token.
func (e *edge) click(ctx context.Context) (status int, location, token string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, e.link, nil)
	if err != nil {
		e.Error(err)
		return 0, "", ""
	}
	response, err := e.client.Do(request)
	if err != nil {
		return 0, "", ""
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	for _, cookie := range response.Cookies() {
		token = cookie.Value
	}
	return response.StatusCode, response.Header.Get("Location"), token
}

// TestTrackerServesLinksAndLosesNothingWithoutItsDatabase stops Postgres under load. OUTAGE=10s
// makes it longer.
func TestTrackerServesLinksAndLosesNothingWithoutItsDatabase(t *testing.T) {
	outage := 2 * time.Second
	if text := os.Getenv("OUTAGE"); text != "" {
		var err error
		outage, err = time.ParseDuration(text)
		testworld.Must(t, err)
	}
	postgres := testworld.NewPostgres(t, testworld.PostgresOptions{Durable: true})
	w := newWorld(t, testworld.Cluster(t), postgres)
	w.manager()
	w.apply(fiveDollars)
	e := newEdge(t, w, w.own.WriterURI)
	if status, location, _ := e.click(t.Context()); status != http.StatusFound || location != "https://mysite.test/" {
		t.Fatalf("the link answers %d to %q", status, location)
	}

	l := load{edge: e}
	l.start(t.Context())
	w.until("there is load", func() bool { return l.recorded.Load() > 50 && l.clicks.Load() > 50 })
	testworld.Must(t, postgres.Halt())
	clicks := l.clicks.Load()
	time.Sleep(outage) // the length of the outage is part of the test
	w.until("links are served without a database", func() bool { return l.clicks.Load() > clicks+50 })
	w.until("writes are refused without a database", func() bool { return l.refused.Load() > 0 })
	_, _, lateToken := e.click(t.Context())
	if status := e.status(t, "/readyz"); status != http.StatusOK {
		t.Errorf("/readyz answers %d without a database", status)
	}
	testworld.Must(t, postgres.Start(t.Context()))
	recorded := l.recorded.Load()
	w.until("writes go on", func() bool { return l.recorded.Load() > recorded+50 })
	l.stop()
	t.Logf("%d redirects, %d facts recorded, %d refused for the moment", l.clicks.Load(), l.recorded.Load(), l.refused.Load())

	if missing := l.missing(); len(missing) > 0 {
		t.Errorf("%d facts were acknowledged and are not there: %v …", len(missing), missing[:min(3, len(missing))])
	}
	status, _ := e.tell(t.Context(), "/v1/signups", map[string]any{"user_id": "late", "visitor": lateToken}, nil)
	if status != http.StatusCreated {
		t.Errorf("a signup is answered with %d", status)
	}
	w.eventually("a click during the outage is attributed to the referrer", "SELECT referrer_id FROM referral.attribution WHERE user_id = 'late'", "alice")
}

// load is a stream of visits and purchases.
type load struct {
	*edge
	clicks, recorded, refused atomic.Int64

	mu           sync.Mutex
	acknowledged []string

	workers sync.WaitGroup
	end     chan struct{}
}

func (l *load) start(ctx context.Context) {
	l.end = make(chan struct{})
	for n := range 4 {
		l.workers.Go(func() { l.repeat(func(int) { l.clickOnce(ctx) }) })
		l.workers.Go(func() { l.repeat(func(i int) { l.buyOnce(ctx, fmt.Sprintf("user-%d-%d", n, i)) }) })
	}
}

// repeat pauses between runs: the test is about correctness, and must leave the machine time for
// other work.
func (l *load) repeat(work func(int)) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-l.end:
			return
		case <-tick.C:
			work(i)
		}
	}
}

func (l *load) clickOnce(ctx context.Context) {
	status, location, token := l.click(ctx)
	if status != http.StatusFound || location != "https://mysite.test/" || !strings.HasPrefix(token, visitor.Prefix) {
		l.Errorf("the link answers %d to %q with token %q", status, location, token)
	}
	l.clicks.Add(1)
}

func (l *load) buyOnce(ctx context.Context, user string) {
	status, header := l.tell(ctx, "/v1/purchases",
		map[string]any{"user_id": user, "purchase_id": "order", "amount": 2500, "currency": "USD"}, nil)
	switch {
	case status == http.StatusCreated:
		l.mu.Lock()
		l.acknowledged = append(l.acknowledged, user)
		l.mu.Unlock()
		l.recorded.Add(1)
	case status == http.StatusServiceUnavailable && header.Get("Retry-After") != "":
		l.refused.Add(1)
	default:
		l.Errorf("a purchase is answered with %d, Retry-After %q", status, header.Get("Retry-After"))
	}
}

func (l *load) stop() {
	close(l.end)
	l.workers.Wait()
}

// missing returns the acknowledged users that the database lacks.
func (l *load) missing() []string {
	there := map[string]bool{}
	for _, user := range l.rows("SELECT user_id FROM referral.purchase") {
		there[user] = true
	}
	return slices.DeleteFunc(slices.Clone(l.acknowledged), func(user string) bool { return there[user] })
}

func TestStoppingAnswersRequestsThatHaveBegun(t *testing.T) {
	postgres := sharedPostgres(t)
	w := newWorld(t, testworld.Cluster(t), postgres)
	w.manager()
	w.apply(fiveDollars)
	network := testworld.NewProxy(t, postgres.Address())
	e := newEdge(t, w, strings.Replace(w.own.WriterURI, postgres.Address(), network.Address(), 1))
	e.click(t.Context())
	w.eventually("the first touch is written", "SELECT count(*) FROM referral.touch", "1")

	network.Swallow()
	if status, _, _ := e.click(t.Context()); status != http.StatusFound {
		t.Fatalf("the link answers %d", status)
	}
	answered := make(chan int, 1)
	go func() {
		status, _ := e.tell(t.Context(), "/v1/purchases",
			map[string]any{"user_id": "bob", "purchase_id": "order", "amount": 2500, "currency": "USD"}, nil)
		answered <- status
	}()
	w.until("the purchase is being recorded", func() bool { return e.metric("referral_tracker_requests_running") == "1" })
	testworld.Must(t, e.Signal(syscall.SIGTERM))
	w.until("the tracker logs that it stops", func() bool { return strings.Contains(e.tracker.Log(), `"msg":"Stopping"`) })
	w.until("the tracker is unready", func() bool { return e.status(t, "/readyz") == http.StatusServiceUnavailable })
	if !e.Running() {
		t.Fatal("the tracker exited before the request was answered")
	}
	network.Pass()

	if status := <-answered; status != http.StatusCreated {
		t.Errorf("the purchase is answered with %d", status)
	}
	code, err := e.Wait(t.Context())
	if code != 0 || err != nil {
		t.Errorf("the tracker exited with %d, %v", code, err)
	}
	if got := w.rows("SELECT count(*) FROM referral.touch"); got[0] != "2" {
		t.Errorf("%s touches are written, want 2", got[0])
	}
	if got := w.rows("SELECT user_id FROM referral.purchase"); len(got) != 1 || got[0] != "bob" {
		t.Errorf("the purchases are of %v", got)
	}
}

// metric returns the value of a metric without labels.
func (t *tracker) metric(name string) string {
	response, err := http.Get("http://" + t.ops + "/metrics")
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	content, _ := io.ReadAll(response.Body)
	for line := range strings.Lines(string(content)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
