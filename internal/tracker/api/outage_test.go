package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/testworld/migrated"
)

// unreachable is a pool on an address without a listener.
func unreachable(t testing.TB, config *pgxpool.Config) *postgres.DB {
	t.Helper()
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	testworld.Must(t, err)
	t.Cleanup(pool.Close)
	return postgres.NewDB(pool, postgres.DefaultSchema)
}

func sortedStrings(all []string) []string {
	slices.Sort(all)
	return all
}

func TestOutageAnswers503WithRetryAfter(t *testing.T) {
	config, err := postgres.ParseConfig("postgres://shop:shop@127.0.0.1:1/shop?sslmode=disable", nil)
	testworld.Must(t, err)
	w := &world{TB: t}
	database := unreachable(t, config)
	w.serve(database, database)
	for _, request := range [][3]string{
		{http.MethodPost, "/v1/links", `{"campaign": "c", "referrer_id": "r"}`},
		{http.MethodPost, "/v1/links", `{"campaign": "c", "referrer_id": "r", "code": "summer"}`},
		{http.MethodPost, signups, `{"user_id": "u"}`},
		{http.MethodPost, purchases, purchase("amount=1")},
		{http.MethodPost, "/v1/refunds", `{"user_id": "u", "purchase_id": "p", "refund_id": "r", "amount": 1}`},
		{http.MethodPost, "/v1/actions", `{"user_id": "u", "action": "view"}`},
		{http.MethodPost, "/v1/redemptions", `{"beneficiary_id": "b", "redemption_id": "r", "amount": 1, "currency": "USD"}`},
		{http.MethodPost, "/v1/batch", mixed},
		{http.MethodGet, "/v1/referrers/r/links", ""},
		{http.MethodGet, "/v1/referrers/r/balance", ""},
		{http.MethodGet, "/v1/referrers/r/credits", ""},
		{http.MethodGet, "/v1/users/u/explanation", ""},
		{http.MethodDelete, "/v1/users/u", ""},
		{http.MethodGet, "/v1/users/u/erasure", ""},
	} {
		got := w.send(request[0], request[1], request[2])
		if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
			t.Errorf("%s %s: %d %v %s", request[0], request[1], got.status, got.header, got.body)
		}
		got.problem(t)
	}
}

func TestWritesUseNoConnectionForReads(t *testing.T) {
	w := newWorld(t)
	config, err := postgres.ParseConfig("postgres://shop:shop@127.0.0.1:1/shop?sslmode=disable", nil)
	testworld.Must(t, err)
	w.serve(migrated.Open(t, w.own.WriterURI), unreachable(t, config))
	for _, request := range []struct {
		method, target, body string
		status               int
	}{
		{http.MethodPost, "/v1/links", `{"campaign": "c", "referrer_id": "r"}`, http.StatusCreated},
		{http.MethodPost, signups, `{"user_id": "other"}`, http.StatusCreated},
		{http.MethodPost, purchases, purchase("amount=1"), http.StatusCreated},
		{http.MethodPost, purchases, purchase("amount=2"), http.StatusConflict},
		{http.MethodPost, "/v1/redemptions", `{"beneficiary_id": "b", "redemption_id": "r", "amount": 1, "currency": "USD"}`, http.StatusConflict},
		{http.MethodPost, "/v1/batch", mixed, http.StatusCreated},
		{http.MethodDelete, "/v1/users/u", "", http.StatusAccepted},
	} {
		got := w.send(request.method, request.target, request.body)
		if got.status != request.status {
			t.Errorf("%s %s: %d %s", request.method, request.target, got.status, got.body)
		}
	}
}

// Connections are cut under load, in the middle of commits: what was acknowledged is stored, and
// every answer was a success or 503.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	w := newWorld(t)
	const writers, each = 8, 60
	var mu sync.Mutex
	var acknowledged []string
	asked, cut := 0, 0
	var group sync.WaitGroup
	for writer := range writers {
		group.Go(func() {
			for i := range each {
				id := fmt.Sprintf("p%d-%d", writer, i)
				got := w.send(http.MethodPost, purchases, fmt.Sprintf(`{"user_id": "u", "purchase_id": %q, "amount": 1, "currency": "USD"}`, id))
				mu.Lock()
				switch got.status {
				case http.StatusCreated, http.StatusOK: // committed, and the answer was lost on the way here
					acknowledged = append(acknowledged, id)
				case http.StatusServiceUnavailable:
				default:
					t.Errorf("%d %s", got.status, got.body)
				}
				if asked++; asked%10 == 0 {
					cut += w.cut()
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if cut == 0 || len(acknowledged) == 0 {
		t.Errorf("%d connections were cut, %d facts acknowledged: the test shows nothing", cut, len(acknowledged))
	}
	missing := migrated.Rows(w, w.operator, "SELECT id FROM unnest($1::text[]) AS id WHERE id NOT IN (SELECT purchase_id FROM referral.purchase)", acknowledged)
	if len(missing) > 0 {
		t.Errorf("acknowledged and lost: %v", missing)
	}
}

// cut ends all connections of the plain role, as itself, and says how many.
func (w *world) cut() (cut int) {
	connection, err := pgx.Connect(w.Context(), w.own.WriterURI)
	testworld.Must(w, err)
	defer connection.Close(w.Context())
	testworld.Must(w, connection.QueryRow(w.Context(), "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity"+
		" WHERE usename = 'shop' AND datname = current_database() AND pid <> pg_backend_pid()").Scan(&cut))
	return cut
}

// A row that is deleted between the two statements of a write looks like one that a trigger
// suppresses: it is neither new nor stored.
func TestFactThatVanishesMeanwhileAnswers503(t *testing.T) {
	w := newWorld(t)
	w.exec("CREATE FUNCTION public.suppress() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
	for _, request := range [][4]string{
		{"link", http.MethodPost, "/v1/links", `{"campaign": "c", "referrer_id": "r", "code": "summer"}`},
		{"signup", http.MethodPost, signups, `{"user_id": "u"}`},
		{"purchase", http.MethodPost, purchases, purchase("amount=1")},
		{"refund", http.MethodPost, "/v1/refunds", `{"user_id": "u", "purchase_id": "p", "refund_id": "r", "amount": 1}`},
		{"action", http.MethodPost, "/v1/actions", `{"user_id": "u", "action": "view"}`},
		{"redemption", http.MethodPost, "/v1/redemptions", `{"beneficiary_id": "b", "redemption_id": "r", "amount": 1, "currency": "USD"}`},
		{"refund", http.MethodPost, "/v1/batch", mixed},
		{"erasure", http.MethodDelete, "/v1/users/u", ""},
	} {
		w.exec("CREATE TRIGGER a_suppress BEFORE INSERT ON referral." + request[0] + " FOR EACH ROW EXECUTE FUNCTION public.suppress()")
		got := w.send(request[1], request[2], request[3])
		if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
			t.Errorf("%s %s: %d %s", request[1], request[2], got.status, got.body)
		}
		w.exec("DROP TRIGGER a_suppress ON referral." + request[0])
	}
}

// A trigger of the shop's own may name a table without its schema, or one that the tracker's role
// has no right to.
func TestFactThatLacksSomethingInTheDatabaseDoesNotLookLikeAnOutage(t *testing.T) {
	w := newWorld(t)
	w.exec("CREATE TABLE public.private (n int)")
	w.exec("CREATE FUNCTION public.unqualified() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO private VALUES (1); RETURN NEW; END'")
	w.exec("CREATE FUNCTION public.forbidden() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.private VALUES (1); RETURN NEW; END'")
	for _, lack := range []string{"unqualified", "forbidden"} {
		w.exec("CREATE TRIGGER a_lack BEFORE INSERT ON referral.purchase FOR EACH ROW EXECUTE FUNCTION public." + lack + "()")
		got := w.post(purchases, purchase("amount=1"), http.StatusServiceUnavailable)
		if !strings.Contains(got.body, "something that the request needs is missing in the database") || strings.Contains(got.body, "private") {
			t.Errorf("%s: %s", lack, got.body)
		}
		w.exec("DROP TRIGGER a_lack ON referral.purchase")
	}
}
