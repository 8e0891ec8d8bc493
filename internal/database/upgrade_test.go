package database_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// nextVersion is set for a process that is the next version of this binary: its value is the
// database's URI. The process has one migration more than this one.
const nextVersion = "NEXT_VERSION_OF"

// nextMigration stands for a migration of a later commit: it only adds.
const nextMigration = `
	ALTER TABLE referral.pair ADD COLUMN channel text;
	COMMENT ON COLUMN referral.pair.channel IS 'Where the pair comes from.';
	CREATE TABLE referral.channel (name text PRIMARY KEY);
	INSERT INTO referral.channel VALUES ('mail')`

// A rolling upgrade from the schema of this commit: the next version migrates and decides; this
// one, which goes on running beside it, writes nothing from the migration on.
func TestTheOlderVersionWritesNothingOnceTheNextHasMigrated(t *testing.T) {
	if uri := os.Getenv(nextVersion); uri != "" {
		decideAsNextVersion(t, uri)
		return
	}
	w := newWorld(t)
	w.declare(invite())
	older := engine.New(w.DB, engine.Options{OwnerUID: shop.UID})
	testworld.Exec(t, w.writer, "INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('alice1', 'invite-friends', 'alice')")
	w.buy("bob")
	testworld.Must(t, older.Converge(t.Context()))
	const ledger = "SELECT concat_ws(' ', user_id, purchase_id, beneficiary_id, amount, currency, entry_id) FROM referral.ledger ORDER BY 1"
	granted := testworld.Column[string](t, w, ledger)
	if len(granted) != 1 || !strings.HasPrefix(granted[0], "bob p alice 500 USD") {
		t.Fatalf("this version granted %q", granted)
	}

	w.asNextVersion(t, "migrate")
	w.buy("carol")
	before := testworld.Value[string](t, w, footprint)
	testworld.Must(t, older.Converge(t.Context()))
	err := database.Migrate(t.Context(), w.DB)
	if tooNew, ok := errors.AsType[*database.ErrSchemaTooNew](err); !ok || tooNew.Found.Schema != database.SchemaVersion+1 {
		t.Errorf("Migrate of the older version: %v", err)
	}
	if diff := cmp.Diff(before, testworld.Value[string](t, w, footprint)); diff != "" {
		t.Errorf("the older version wrote: %s", diff)
	}
	if diff := cmp.Diff(granted, testworld.Column[string](t, w, ledger)); diff != "" {
		t.Errorf("the older version decided: %s", diff)
	}

	w.asNextVersion(t, "decide")
	now := testworld.Column[string](t, w, ledger)
	if len(now) != 2 || now[0] != granted[0] || !strings.HasPrefix(now[1], "carol p alice 500 USD") {
		t.Errorf("the ledger is %q", now)
	}
	if wrong := testworld.Column[string](t, w, "SELECT wrong || ': ' || what FROM referral.violations()"); len(wrong) > 0 {
		t.Errorf("violations: %q", wrong)
	}
}

// buy records the signup of a user with alice's code and one purchase.
func (w *world) buy(user string) {
	w.Helper()
	testworld.Exec(w, w.writer, "INSERT INTO referral.signup (user_id, code) VALUES ($1, 'alice1')", user)
	testworld.Exec(w, w.writer, "INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ($1, 'p', 2500, 'USD')", user)
}

// asNextVersion runs one step of decideAsNextVersion in a process of its own.
func (w *world) asNextVersion(t *testing.T, step string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout="+time.Minute.String())
	command.Env = append(os.Environ(), nextVersion+"="+w.own.URI, nextVersionStep+"="+step)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("the next version, %s: %v\n%s", step, err, output)
	}
}

// nextVersionStep names the step of the next version: migrate or decide.
const nextVersionStep = "NEXT_VERSION_STEP"

func decideAsNextVersion(t *testing.T, uri string) {
	t.Helper()
	defer database.AppendMigration(nextMigration)()
	db := open(t, uri, postgres.DefaultSchema)
	if os.Getenv(nextVersionStep) == "migrate" {
		migrated(t, db)
		return
	}
	testworld.Must(t, engine.New(db, engine.Options{OwnerUID: shop.UID}).Converge(t.Context()))
}
