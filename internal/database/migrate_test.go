package database_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// footprint changes with every write to these tables.
const footprint = `
	SELECT string_agg(concat_ws(' ', t.name, t.xmin, t.xmax, t.ctid), '; ' ORDER BY t.name, t.ctid) FROM (
		SELECT 'meta' AS name, xmin, xmax, ctid FROM referral.meta
		UNION ALL SELECT 'owner', xmin, xmax, ctid FROM referral.owner
		UNION ALL SELECT 'campaign', xmin, xmax, ctid FROM referral.campaign
		UNION ALL SELECT 'revision', xmin, xmax, ctid FROM referral.revision
		UNION ALL SELECT 'role', xmin, xmax, ctid FROM referral.role_grant
		UNION ALL SELECT 'migration', xmin, xmax, ctid FROM referral.schema_migration
		UNION ALL SELECT 'change', xmin, xmax, ctid FROM referral.change
		UNION ALL SELECT 'namespace', xmin, xmax, ctid FROM pg_namespace WHERE nspname = 'referral'
		UNION ALL SELECT 'class', xmin, xmax, ctid FROM pg_class WHERE relnamespace = 'referral'::regnamespace
	) AS t`

func migrated(t testing.TB, db *postgres.DB) {
	t.Helper()
	testworld.Must(t, database.Migrate(t.Context(), db))
	found, err := database.ReadVersions(t.Context(), db)
	testworld.Must(t, err)
	if found != database.Known() {
		t.Errorf("the schema says %+v", found)
	}
}

func TestMigrateCreatesTheSchemaAndIsIdempotent(t *testing.T) {
	db := open(t, testworld.NewDatabase(t).URI, postgres.DefaultSchema)
	found, err := database.ReadVersions(t.Context(), db)
	testworld.Must(t, err)
	if found != (database.Versions{}) {
		t.Errorf("versions %+v before there is a schema", found)
	}
	migrated(t, db)
	before := testworld.Value[string](t, db, footprint)
	migrated(t, db)
	if diff := cmp.Diff(before, testworld.Value[string](t, db, footprint)); diff != "" {
		t.Errorf("the second time wrote something: %s", diff)
	}
}

func TestReplicasMayMigrateAtTheSameTime(t *testing.T) {
	own := testworld.NewDatabase(t)
	const replicas = 4
	failures := make(chan error, replicas)
	for range replicas {
		db, err := postgres.Open(t.Context(), postgres.Config{URI: own.URI, Schema: postgres.DefaultSchema, MaxConnections: 2})
		testworld.Must(t, err)
		t.Cleanup(db.Close)
		go func() {
			failures <- database.Migrate(t.Context(), db)
		}()
	}
	for range replicas {
		if err := <-failures; err != nil {
			t.Error(err)
		}
	}
	db := open(t, own.URI, postgres.DefaultSchema)
	want := append([]int64{0}, database.MigrationVersions()...)
	if diff := cmp.Diff(want, testworld.Column[int64](t, db, "SELECT version_id FROM referral.schema_migration ORDER BY id")); diff != "" {
		t.Error(diff)
	}
}

// victim is set for a process that is killed while it migrates.
const victim = "MIGRATION_VICTIM"

func TestAMigrationThatWasKilledIsContinued(t *testing.T) {
	if uri := os.Getenv(victim); uri != "" {
		err := database.Migrate(t.Context(), open(t, uri, postgres.DefaultSchema))
		t.Fatalf("was not killed: %v", err)
	}
	own := testworld.NewDatabase(t)
	admin := testworld.Pool(t, own.AdminURI)
	testworld.Exec(t, admin, `
		CREATE FUNCTION public.stand_still() RETURNS event_trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity = 'referral.ledger') THEN
				PERFORM pg_sleep(3600);
			END IF;
		END $$;
		CREATE EVENT TRIGGER stand_still ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION public.stand_still()`)
	process := testworld.Run(t, testworld.ProcessOptions{
		Path: os.Args[0], Args: []string{"-test.run=^" + t.Name() + "$"}, Env: []string{victim + "=" + own.URI},
	})
	const standing = "SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
	eventually(t, "the migration stands still", func() bool { return testworld.Value[int](t, admin, standing) == 1 })
	testworld.Must(t, process.Kill())
	testworld.Exec(t, admin, "DROP EVENT TRIGGER stand_still")
	// The server only notices that its client is gone when it has slept.
	testworld.Exec(t, admin, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'")

	db := open(t, own.URI, postgres.DefaultSchema)
	found, err := database.ReadVersions(t.Context(), db)
	testworld.Must(t, err)
	if found.Schema == 0 || found.Schema >= database.SchemaVersion {
		t.Errorf("killed at version %d, which is not in the middle", found.Schema)
	}
	migrated(t, db)
}

// eventually waits until another process has done something.
func eventually(t testing.TB, what string, reached func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !reached(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

func TestASchemaMayHaveAnotherName(t *testing.T) {
	own := testworld.NewDatabase(t)
	db := open(t, own.URI, "loyalty_2")
	migrated(t, db)
	_, err := database.Claim(t.Context(), db, shop, "")
	testworld.Must(t, err)
	testworld.Must(t, database.GrantRoles(t.Context(), db, shop.UID, 0, database.Roles{Writers: []string{testworld.WriterRole}}))
	declaration := invite()
	_, err = database.Declare(t.Context(), db, declaration)
	testworld.Must(t, err)
	testworld.Exec(t, testworld.Pool(t, own.WriterURI), "INSERT INTO loyalty_2.purchase (user_id, purchase_id, amount, currency) VALUES ('u', 'p', 1, 'EUR')")
	status, err := database.ReadStatus(t.Context(), db)
	testworld.Must(t, err)
	if status.PendingChanges != 1 || len(status.Campaigns) != 1 {
		t.Errorf("%d pending changes, %d campaigns", status.PendingChanges, len(status.Campaigns))
	}
	if testworld.Value[bool](t, db, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'referral')") {
		t.Error("there is a schema referral too")
	}
	if bodies := testworld.Column[string](t, db, `SELECT proname::text FROM pg_proc WHERE pronamespace = 'loyalty_2'::regnamespace AND pg_get_functiondef(oid) ~ '\mreferral\.'`); len(bodies) > 0 {
		t.Errorf("functions that name schema referral: %v", bodies)
	}
}

func TestARoleThatMayNotCreateSchemasUsesAnExistingOne(t *testing.T) {
	own := testworld.NewDatabase(t)
	admin := testworld.Pool(t, own.AdminURI)
	testworld.Exec(t, admin, "ALTER DATABASE "+own.Name+" OWNER TO CURRENT_USER")
	db := open(t, own.URI, postgres.DefaultSchema)
	err := database.Migrate(t.Context(), db)
	if got := postgres.Classify(err); got != postgres.ClassPermissionDenied {
		t.Fatalf("%v is %s", err, got)
	}
	testworld.Exec(t, admin, "CREATE SCHEMA referral AUTHORIZATION "+own.Operator)
	migrated(t, db)
}

func TestANewerSchemaIsNotTouched(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]string{
		"schema": "UPDATE referral.meta SET schema_version = 1000",
		"rules":  "UPDATE referral.meta SET rules_version = 1000",
	} {
		t.Run(name, func(t *testing.T) {
			w := w.anew(t)
			testworld.Exec(t, w, change)
			before := testworld.Value[string](t, w, footprint)
			err := database.Migrate(t.Context(), w.DB)
			var tooNew *database.ErrSchemaTooNew
			if !errors.As(err, &tooNew) || max(tooNew.Found.Schema, tooNew.Found.Rules) != 1000 || tooNew.Known != database.Known() {
				t.Fatalf("got %v", err)
			}
			if message := postgres.Message(err); !strings.Contains(message, "1000") || !strings.Contains(message, "newer version") {
				t.Errorf("message %q", message)
			}
			if diff := cmp.Diff(before, testworld.Value[string](t, w, footprint)); diff != "" {
				t.Errorf("it was touched: %s", diff)
			}
		})
	}
}

func TestANewVersionRetriesWhatWasSetAside(t *testing.T) {
	for name, age := range map[string]func(w *world){
		"of the schema": func(w *world) { w.Cleanup(database.AppendMigration("SELECT")) },
		"of the rules": func(w *world) {
			testworld.Exec(w, w, "UPDATE referral.meta SET rules_version = $1", database.RulesVersion-1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			testworld.Exec(t, w, "INSERT INTO referral.set_aside (user_id, cause) VALUES ('u1', 'x'), ('u2', 'x')")
			age(w)
			epoch := testworld.Value[int64](t, w, "SELECT epoch FROM referral.meta")
			migrated(t, w.DB)
			if diff := cmp.Diff([]string{"Referee u1", "Referee u2"}, w.changes()); diff != "" {
				t.Error(diff)
			}
			if now := testworld.Value[int64](t, w, "SELECT epoch FROM referral.meta"); now <= epoch {
				t.Errorf("the epoch is still %d", now)
			}
		})
	}
}

// changes dequeues all changes and returns their kinds and keys in order. It marks a change that is
// not in its key's shard.
func (w *world) changes() []string {
	w.Helper()
	found := testworld.Column[string](w, w, `
		WITH dequeued AS (DELETE FROM referral.change RETURNING *)
		SELECT kind || ' ' || key || CASE WHEN shard = referral.shard_of(key) THEN '' ELSE ' in another shard' END
		  FROM dequeued ORDER BY kind COLLATE "C", key COLLATE "C", id`)
	return found
}

// addLink adds a link of the campaign invite-friends, so that the campaign reaches signups.
func (w *world) addLink() {
	w.Helper()
	testworld.Exec(w, w, "INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('first', 'invite-friends', 'r1')")
	w.changes()
}

func TestAMigrationDoesNotDelayTheShop(t *testing.T) {
	w := newWorld(t)
	defer database.AppendMigration("ALTER TABLE referral.purchase ADD COLUMN extra text")()
	const insert = "INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ($1, 'p', 1, 'EUR')"
	slow, err := w.writer.Begin(t.Context())
	testworld.Must(t, err)
	defer func() { _ = slow.Rollback(context.WithoutCancel(t.Context())) }()
	_, err = slow.Exec(t.Context(), insert, "slow")
	testworld.Must(t, err)

	ended := make(chan error, 1)
	go func() {
		ended <- database.Migrate(t.Context(), w.DB)
	}()
	admin := testworld.Pool(t, w.own.AdminURI)
	eventually(t, "the migration waits for the slow transaction", func() bool {
		return testworld.Value[int](t, admin, "SELECT count(*)::int FROM pg_locks WHERE relation = 'referral.purchase'::regclass AND NOT granted") > 0
	})
	testworld.Exec(t, w.writer, insert, "quick") // while the slow one is still open
	testworld.Must(t, slow.Commit(t.Context()))
	testworld.Must(t, <-ended)
	testworld.Exec(t, w.writer, insert, "later")
	if n := testworld.Value[int](t, w, "SELECT count(extra)::int + count(*)::int FROM referral.purchase"); n != 3 {
		t.Errorf("%d purchases", n)
	}
}

func TestEveryTableAndColumnHasAComment(t *testing.T) {
	w := newWorld(t)
	without := testworld.Column[string](t, w, `
		SELECT c.relname::text || coalesce('.' || a.attname, '')
		  FROM pg_class AS c
		  LEFT JOIN LATERAL (SELECT attname, attnum FROM pg_attribute
		                      WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
		                      UNION ALL SELECT NULL, 0) AS a ON true
		 WHERE c.relnamespace = 'referral'::regnamespace AND c.relkind IN ('r', 'v', 'p', 'm')
		   AND coalesce(col_description(c.oid, nullif(a.attnum, 0)), CASE a.attnum WHEN 0 THEN obj_description(c.oid, 'pg_class') END, '') = ''
		 UNION ALL
		SELECT p.proname::text FROM pg_proc AS p
		 WHERE p.pronamespace = 'referral'::regnamespace AND coalesce(obj_description(p.oid, 'pg_proc'), '') = ''`)
	if len(without) > 0 {
		t.Errorf("without a comment: %v", without)
	}
	if n := testworld.Value[int](t, w, "SELECT count(*)::int FROM pg_class WHERE relnamespace = 'referral'::regnamespace AND relkind = 'r'"); n < 20 {
		t.Errorf("only %d tables", n)
	}
}
