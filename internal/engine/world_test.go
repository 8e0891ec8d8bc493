package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// violations returns rows only if an invariant is violated.
const violations = "SELECT wrong, what FROM referral.violations()"

// uid is the owner of every test's schema.
const uid = "0b9d5a52-1111-4222-8333-444455556666"

// shop is a migrated database of the test's own, seen from the shop that
// writes facts and from the engine.
type shop struct {
	testing.TB
	db     *postgres.DB
	writer *pgxpool.Pool // the plain role
	owner  executor      // the schema's owner, by hand
	engine *engine.Engine
	uri    string
}

// executor is a pool or a *postgres.DB.
type executor interface {
	Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, arguments ...any) (pgx.Rows, error)
}

func newShop(t testing.TB) *shop {
	t.Helper()
	s, end := connect(t, testworld.NewDatabaseFrom(t, "engine", migrate))
	t.Cleanup(end)
	return s
}

// newShopWith returns a shop in which prepare has run: the first use of a key runs it, and each use
// gets a copy of the database. The shop's engine has done nothing yet.
func newShopWith(t testing.TB, key string, prepare func(*shop)) *shop {
	t.Helper()
	s, end := connect(t, testworld.NewDatabaseFrom(t, "engine, "+key, func(ctx context.Context, own *testworld.Database) error {
		if err := migrate(ctx, own); err != nil {
			return err
		}
		prepared := false
		var preparing sync.WaitGroup
		preparing.Go(func() { // t.Fatal ends this goroutine, and not the making of the template
			s, end := connect(t, own)
			defer end() // a template must not have connections
			prepare(s)
			prepared = !t.Failed()
		})
		preparing.Wait()
		if !prepared {
			return errors.New("the test that fills it has failed")
		}
		return nil
	}))
	t.Cleanup(end)
	s.asOwner("UPDATE referral.campaign SET declared_at = now()") // no resync is due soon
	return s
}

// connect connects to the shop's database, until end is called.
func connect(t testing.TB, own *testworld.Database) (s *shop, end func()) {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{URI: own.URI, Schema: postgres.DefaultSchema, MaxConnections: 16, AllRows: true})
	testworld.Must(t, err)
	writer, err := pgxpool.New(t.Context(), own.WriterURI)
	testworld.Must(t, err)
	owner, err := pgxpool.New(t.Context(), own.URI)
	testworld.Must(t, err)
	s = &shop{TB: t, db: db, writer: writer, owner: owner, uri: own.URI}
	s.engine = s.newEngine(engine.Options{})
	return s, func() {
		owner.Close()
		writer.Close()
		db.Close()
	}
}

// in returns the shop for a part of its test, with an engine that has done nothing yet.
func (s *shop) in(t testing.TB) *shop {
	t.Helper()
	part := *s
	part.TB = t
	part.engine = part.newEngine(engine.Options{})
	return &part
}

// migrate fills the template that every test's database is copied from.
func migrate(ctx context.Context, own *testworld.Database) error {
	db, err := postgres.Open(ctx, postgres.Config{URI: own.URI, Schema: postgres.DefaultSchema})
	if err != nil {
		return err
	}
	defer db.Close()
	if err := database.Migrate(ctx, db); err != nil {
		return err
	}
	if _, err := database.Claim(ctx, db, database.Identity{Installation: "default", Name: "growth/shop", UID: uid}, ""); err != nil {
		return err
	}
	return database.GrantRoles(ctx, db, uid, 0, database.Roles{Writers: []string{testworld.WriterRole}})
}

func (s *shop) newEngine(options engine.Options) *engine.Engine {
	options.OwnerUID = uid
	options.Log = slog.New(slog.NewTextHandler(s.Output(), nil))
	return engine.New(s.db, options)
}

// fiveDollars is the policy of the product's one sentence.
func fiveDollars() reward.Terms {
	return reward.Terms{
		Purchases: reward.FirstPurchase,
		Rewards:   []reward.Reward{{Name: "inviter", Beneficiary: reward.ToReferrer, Fixed: &reward.Money{Amount: 500, Currency: "USD"}}},
	}
}

// declare declares a campaign as its controller would.
func (s *shop) declare(name string, terms reward.Terms, edits ...func(*database.Declaration)) database.Declared {
	s.Helper()
	text, err := json.Marshal(terms)
	testworld.Must(s, err)
	d := database.Declaration{
		Campaign: database.Campaign{OwnerUID: uid, Name: name, UID: name + "-uid"},
		Mode:     database.Open, AttributionWindow: 720 * time.Hour, Destination: "https://mysite.test/",
		Generation: 1, Policy: database.Policy{Name: "policy", UID: "policy-uid", Generation: 1},
		Digest: terms.Digest(), Terms: text, Scope: "NewPairs", PairsPerReferrer: terms.Limits.PairsPerReferrer,
	}
	for _, edit := range edits {
		edit(&d)
	}
	declared, err := database.Declare(s.Context(), s.db, d)
	testworld.Must(s, err)
	return declared
}

func inMode(mode reward.Mode, generation int64) func(*database.Declaration) {
	return func(d *database.Declaration) { d.Mode, d.Generation = database.Mode(mode), generation }
}

// write writes facts as the shop does.
func (s *shop) write(sql string, arguments ...any) {
	s.Helper()
	_, err := s.writer.Exec(s.Context(), sql, arguments...)
	testworld.Must(s, err)
}

// asOwner writes as the schema's owner, which no application should.
func (s *shop) asOwner(sql string, arguments ...any) {
	s.Helper()
	_, err := s.owner.Exec(s.Context(), sql, arguments...)
	testworld.Must(s, err)
}

// converge lets the engine converge and checks what must hold at every commit.
func (s *shop) converge() {
	s.Helper()
	testworld.Must(s, s.engine.Converge(s.Context()))
	s.consistent()
}

func (s *shop) consistent() {
	s.Helper()
	if wrong := s.rows(violations); len(wrong) > 0 {
		s.Errorf("violations:\n%s", strings.Join(wrong, "\n"))
	}
}

// rows returns each row with its columns parted by spaces.
func (s *shop) rows(sql string, arguments ...any) []string {
	s.Helper()
	rows, err := s.owner.Query(s.Context(), sql, arguments...)
	testworld.Must(s, err)
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		values, err := row.Values()
		words := make([]string, len(values))
		for i, value := range values {
			words[i] = fmt.Sprint(value)
		}
		return strings.Join(words, " "), err
	})
	testworld.Must(s, err)
	return all
}

const (
	pairs    = "SELECT user_id, purchase_id, state, reason FROM referral.pair ORDER BY 1, 2"
	ledger   = "SELECT user_id, purchase_id, reward, seq, kind, reason, amount, currency, beneficiary_id FROM referral.ledger ORDER BY 1, 2, 3, 4"
	balances = "SELECT beneficiary_id, currency, available::text, held::text FROM referral.balance WHERE (available, held) <> (0, 0) ORDER BY 1, 2"
)

// expect compares what a query returns, row by row.
func (s *shop) expect(what, sql string, want ...string) {
	s.Helper()
	if diff := cmp.Diff(append([]string{}, want...), append([]string{}, s.rows(sql)...)); diff != "" {
		s.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestMain(m *testing.M) { testworld.Main(m) }

// withTerms puts other terms in place of those of a declaration.
func withTerms(terms reward.Terms) func(*database.Declaration) {
	return func(d *database.Declaration) {
		text, err := json.Marshal(terms)
		if err != nil {
			panic(err) // terms are plain data
		}
		d.Digest, d.Terms, d.PairsPerReferrer = terms.Digest(), text, terms.Limits.PairsPerReferrer
	}
}
