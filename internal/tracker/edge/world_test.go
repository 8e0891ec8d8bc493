package edge_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/testworld/migrated"
	"github.com/referral-operator/referral-operator/internal/tracker/clients"
	"github.com/referral-operator/referral-operator/internal/tracker/edge"
	"github.com/referral-operator/referral-operator/internal/tracker/links"
	"github.com/referral-operator/referral-operator/internal/tracker/touches"
	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

func TestMain(m *testing.M) { testworld.Main(m) }

const (
	home    = "https://shop.example/welcome"
	spring  = "https://shop.example/spring"
	gateway = "10.0.0.1:4321" // a trusted proxy
	key     = "2222222222222222222222222222222222222222222222222222222222222222"
)

// world is an edge with all that it stands on: a real database, a directory and a queue that use it
// as the plain writer.
type world struct {
	testing.TB
	*edge.Edge
	clock
	owner     *postgres.DB
	proxy     *testworld.Proxy // between the edge and the database
	directory *links.Directory
	queue     *touches.Queue
	keys      *visitor.Keys
	arrived   map[edge.Arrival]int
	refused   map[visitor.Reason]int
	warned    warnings
}

// warnings counts what is logged. A world logs only that its database is away, or is back.
type warnings struct{ atomic.Int64 }

func (w *warnings) Write(line []byte) (int, error) {
	w.Add(1)
	return len(line), nil
}

// clock is what a world goes by. The directory reads it in goroutines of its own.
type clock struct{ at atomic.Pointer[time.Time] }

func (c *clock) now() time.Time       { return *c.at.Load() }
func (c *clock) set(now time.Time)    { c.at.Store(&now) }
func (c *clock) pass(d time.Duration) { c.set(c.now().Add(d)) }

func newWorld(t testing.TB, edits ...func(*edge.Options)) *world {
	t.Helper()
	own := migrated.With(t, "edge", fill)
	w := &world{
		TB: t, proxy: testworld.NewProxy(t, own.Server().Address()),
		arrived: map[edge.Arrival]int{}, refused: map[visitor.Reason]int{},
	}
	w.set(time.Now())
	w.owner = migrated.Open(t, own.URI)
	db := migrated.Open(t, strings.Replace(own.WriterURI, own.Server().Address(), w.proxy.Address(), 1))
	log := slog.New(slog.NewTextHandler(io.MultiWriter(t.Output(), &w.warned), nil))
	w.directory = links.NewDirectory(db, links.Options{Log: log, Now: w.now})
	testworld.Must(t, w.directory.Refresh(t.Context()))
	w.queue = touches.NewQueue(db, touches.Options{Log: log})
	go w.queue.Run(context.WithoutCancel(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = w.queue.Close(ctx)
	})
	var err error
	w.keys, err = visitor.ParseKeys([]byte(key))
	testworld.Must(t, err)
	proxies, err := clients.ParseProxies("10.0.0.0/8")
	testworld.Must(t, err)
	options := edge.Options{
		PublicURL: &url.URL{Scheme: "https", Host: "go.shop.example"},
		Keys:      func() *visitor.Keys { return w.keys },
		Links:     w.directory,
		Touches:   w.queue,
		Proxies:   proxies,
		Limiter:   clients.NewLimiter(clients.DefaultLimit, clients.DefaultTotal),
		Observer: edge.Observer{
			Arrived:      func(a edge.Arrival) { w.arrived[a]++ },
			TokenRefused: func(r visitor.Reason) { w.refused[r]++ },
		},
		Now: w.now,
	}
	for _, edit := range edits {
		edit(&options)
	}
	w.Edge, err = edge.New(options)
	testworld.Must(t, err)
	return w
}

// fill adds the links of ann, whose own signup names a visitor.
func fill(ctx context.Context, db *postgres.DB) error {
	_, err := db.Exec(ctx, `
		INSERT INTO referral.campaign (name, mode, attribution_window, destination, uid, generation, policy)
		VALUES ('spring', 'Open', 2592000000000, '`+spring+`', 'uid', 1, 'policy');
		INSERT INTO referral.link (code, campaign, referrer_id, destination) VALUES
		    ('ann1', 'spring', 'ann', '`+home+`'), ('ann2', 'spring', 'ann', NULL), ('bob1', 'spring', 'bob', '`+home+`'),
		    ('nowhere', 'undeclared', 'ann', NULL), ('expired', 'spring', 'ann', '`+home+`'), ('disabled', 'spring', 'ann', '`+home+`');
		UPDATE referral.link SET expires_at = '2020-01-01' WHERE code = 'expired';
		UPDATE referral.link SET disabled_at = '2020-01-01' WHERE code = 'disabled';
		INSERT INTO referral.signup (user_id, visitor_id) VALUES ('ann', 'visitor-of-ann')`)
	return err
}

// browser keeps cookies as browsers do, if only by name.
type browser struct {
	*world
	cookies map[string]string
	remote  string
}

func (w *world) browser() *browser {
	return &browser{world: w, cookies: map[string]string{}, remote: "203.0.113.9:1234"}
}

// answer is what matters of a response.
type answer struct {
	StatusCode int
	Header     http.Header
}

// do sends a request. headers are pairs of name and value.
func (b *browser) do(method, target string, headers ...string) answer {
	b.Helper()
	r := httptest.NewRequestWithContext(b.Context(), method, target, nil)
	r.RemoteAddr = b.remote
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	b.ServeHTTP(recorder, r)
	response := recorder.Result()
	testworld.Must(b, response.Body.Close())
	for _, cookie := range response.Cookies() {
		b.cookies[cookie.Name] = cookie.Value
	}
	return answer{response.StatusCode, response.Header}
}

const cookieName = "__Host-referral"

// token is what the browser carries.
func (b *browser) token() visitor.Token {
	b.Helper()
	if b.cookies[cookieName] == "" {
		return visitor.Token{}
	}
	token, err := b.keys.Open(b.cookies[cookieName], b.now())
	testworld.Must(b, err)
	return token
}

// codes are the codes of the touches that the browser carries.
func (b *browser) codes() []string {
	b.Helper()
	codes := []string{}
	for _, touch := range b.token().Touches() {
		codes = append(codes, touch.Code)
	}
	return codes
}

// leads checks status and Location of an answer.
func (b *browser) leads(response answer, status int, location string) {
	b.Helper()
	if response.StatusCode != status || response.Header.Get("Location") != location {
		b.Errorf("%d to %q, want %d to %q", response.StatusCode, response.Header.Get("Location"), status, location)
	}
}

// written has the queue write what waits, and returns the touches that the database has, one a
// line.
func (w *world) written() []string {
	w.Helper()
	testworld.Must(w, w.queue.Close(w.Context()))
	rows, err := w.owner.Query(w.Context(), `SELECT concat_ws(' ', code, coalesce(landing_url, '-'), coalesce(referer, '-'))
		FROM referral.touch ORDER BY touched_at, code`)
	testworld.Must(w, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	testworld.Must(w, err)
	return lines
}

func same[T any](t testing.TB, what string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
