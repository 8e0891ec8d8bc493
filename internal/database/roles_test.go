package database_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestRolesGetTheRightsOfTheirList(t *testing.T) {
	w := newWorld(t)
	rights := func() []string {
		return testworld.Column[string](t, w, rightsOf, []string{testworld.WriterRole, testworld.ReaderRole})
	}
	granted := rights()
	if len(granted) < 60 {
		t.Fatalf("only %d rights: %v", len(granted), granted)
	}
	both := database.Roles{Writers: []string{testworld.WriterRole}, Readers: []string{testworld.ReaderRole}}

	before := testworld.Value[string](t, w, footprint)
	testworld.Must(t, database.GrantRoles(t.Context(), w.DB, shop.UID, 0, both))
	if diff := cmp.Diff(before, testworld.Value[string](t, w, footprint)); diff != "" {
		t.Errorf("the same again wrote something: %s", diff)
	}

	testworld.Exec(t, w, "REVOKE INSERT (amount) ON referral.purchase FROM shop; REVOKE SELECT ON referral.balance FROM bi")
	testworld.Must(t, database.GrantRoles(t.Context(), w.DB, shop.UID, 0, both))
	if diff := cmp.Diff(granted, rights()); diff != "" {
		t.Errorf("a revoked right is not granted again: %s", diff)
	}

	testworld.Must(t, database.GrantRoles(t.Context(), w.DB, shop.UID, 0, database.Roles{Readers: []string{testworld.WriterRole, testworld.ReaderRole}}))
	for _, right := range rights() {
		if !strings.HasSuffix(right, "SELECT") && !strings.HasSuffix(right, "USAGE") {
			t.Errorf("a role that became a reader kept %s", right)
		}
	}
	testworld.Must(t, database.GrantRoles(t.Context(), w.DB, shop.UID, 0, database.Roles{}))
	if left := rights(); len(left) > 0 {
		t.Errorf("a role that left the list kept %v", left)
	}
	if left := testworld.Column[string](t, w, "SELECT role FROM referral.role_grant"); len(left) > 0 {
		t.Errorf("remembered: %v", left)
	}
}

// Postgres lets PUBLIC execute functions by default. Where that was revoked, listed roles are granted
// the functions that they need.
func TestRolesMayExecuteWhatTheirStatementsCall(t *testing.T) {
	w := newWorld(t)
	executable := func() int {
		return testworld.Value[int](t, w, "SELECT count(*)::int FROM unnest($1::text[]) AS r WHERE r LIKE '% EXECUTE'",
			testworld.Column[string](t, w, rightsOf, []string{testworld.WriterRole, testworld.ReaderRole}))
	}
	if n := executable(); n > 0 {
		t.Errorf("%d functions are granted that PUBLIC may execute", n)
	}
	both := database.Roles{Writers: []string{testworld.WriterRole}, Readers: []string{testworld.ReaderRole}}
	for _, statement := range []string{
		"REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA referral FROM PUBLIC",
		"REVOKE EXECUTE ON FUNCTION referral.normal_code(text) FROM shop",
	} {
		testworld.Exec(t, w, statement)
		testworld.Must(t, database.GrantRoles(t.Context(), w.DB, shop.UID, 0, both))
	}
	for _, statement := range []string{
		"INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('a', 'invite', 'anna')",
		"INSERT INTO referral.touch (visitor_id, code) VALUES ('v', 'A')",
		"INSERT INTO referral.signup (user_id, visitor_id, code) VALUES ('ben', 'v', ' a ')",
		"INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('ben', 'p', 2000, 'USD')",
		"INSERT INTO referral.action (action_id, user_id, action) VALUES ('1', 'ben', 'view')",
		"SELECT referral.erase_user('ben')",
	} {
		if _, err := w.writer.Exec(t.Context(), statement); err != nil {
			t.Errorf("%s: %v", statement, err)
		}
	}
	before := testworld.Value[string](t, w, footprint)
	testworld.Must(t, database.GrantRoles(t.Context(), w.DB, shop.UID, 0, both))
	if diff := cmp.Diff(before, testworld.Value[string](t, w, footprint)); diff != "" {
		t.Errorf("the same again wrote something: %s", diff)
	}
	testworld.Must(t, database.GrantRoles(t.Context(), w.DB, shop.UID, 0, database.Roles{}))
	if n := executable(); n > 0 {
		t.Errorf("roles that left the list kept %d rights", n)
	}
}

// rightsOf lists the rights that were given to roles, on whatever of the schema.
const rightsOf = `
	SELECT grantee::regrole || ' ' || object || ' ' || privilege_type FROM (
		SELECT acl.grantee, 'schema' AS object, acl.privilege_type FROM pg_namespace, aclexplode(nspacl) AS acl WHERE nspname = 'referral'
		UNION ALL SELECT acl.grantee, relname, acl.privilege_type FROM pg_class, aclexplode(relacl) AS acl WHERE relnamespace = 'referral'::regnamespace
		UNION ALL SELECT acl.grantee, relname || '.' || attname, acl.privilege_type
		  FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid, aclexplode(attacl) AS acl WHERE relnamespace = 'referral'::regnamespace
		UNION ALL SELECT acl.grantee, proname, acl.privilege_type FROM pg_proc, aclexplode(proacl) AS acl WHERE pronamespace = 'referral'::regnamespace
	) AS given WHERE grantee <> 0 AND grantee::regrole::text = ANY ($1) ORDER BY 1`

func TestMissingRolesAreReported(t *testing.T) {
	w := newWorld(t)
	err := database.GrantRoles(t.Context(), w.DB, shop.UID, 0, database.Roles{
		Writers: []string{testworld.WriterRole, "absent", `ab"sent`}, Readers: []string{"public", "absent"},
	})
	var missing *database.ErrRolesNotFound
	if !errors.As(err, &missing) {
		t.Fatalf("got %v", err)
	}
	if diff := cmp.Diff([]string{`ab"sent`, "absent", "public"}, missing.Roles); diff != "" {
		t.Error(diff)
	}
	if n := testworld.Value[int](t, w, "SELECT count(*)::int FROM referral.role_grant WHERE role = 'shop'"); n != 1 {
		t.Error("the role that is there has no rights")
	}
	if n := testworld.Value[int](t, w, "SELECT count(*)::int FROM pg_class, aclexplode(relacl) AS acl WHERE relnamespace = 'referral'::regnamespace AND acl.grantee = 0"); n > 0 {
		t.Error("PUBLIC has rights")
	}
	testworld.Exec(t, w.writer, "INSERT INTO referral.signup (user_id) VALUES ('u')")
}

func TestTheOwnerOfTheSchemaKeepsItsRights(t *testing.T) {
	w := newWorld(t)
	testworld.Must(t, database.GrantRoles(t.Context(), w.DB, shop.UID, 0, database.Roles{Writers: []string{w.own.Operator}}))
	testworld.Must(t, database.GrantRoles(t.Context(), w.DB, shop.UID, 0, database.Roles{}))
	testworld.Exec(t, w, "INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, arrived_at) VALUES ('u', 'p', 1, 'EUR', now())")
}

func TestARoleWithAnOddName(t *testing.T) {
	w := newWorld(t)
	admin := testworld.Pool(t, w.own.AdminURI)
	const odd = `a "b'; DROP ROLE x; --`
	const quoted = `"a ""b'; DROP ROLE x; --"`
	testworld.Exec(t, admin, "CREATE ROLE "+quoted)
	t.Cleanup(func() {
		_, _ = admin.Exec(context.WithoutCancel(t.Context()), "DROP OWNED BY "+quoted+"; DROP ROLE "+quoted)
	})
	testworld.Must(t, database.GrantRoles(t.Context(), w.DB, shop.UID, 0, database.Roles{Writers: []string{odd}}))
	if !testworld.Value[bool](t, admin, "SELECT has_column_privilege($1, 'referral.purchase', 'amount', 'INSERT')", odd) {
		t.Error("it has no rights")
	}
	testworld.Must(t, database.GrantRoles(t.Context(), w.DB, shop.UID, 0, database.Roles{}))
}

func TestRightsThatCannotBePassedOn(t *testing.T) {
	w := newWorld(t)
	testworld.Must(t, database.GrantRoles(t.Context(), w.DB, shop.UID, 0, database.Roles{}))
	admin := testworld.Pool(t, w.own.AdminURI)
	testworld.Exec(t, admin, "ALTER SCHEMA referral OWNER TO CURRENT_USER; GRANT USAGE, CREATE ON SCHEMA referral TO "+w.own.Operator)
	err := database.GrantRoles(t.Context(), w.DB, shop.UID, 0, database.Roles{Readers: []string{testworld.ReaderRole}})
	if postgres.Classify(err) != postgres.ClassPermissionDenied || !strings.Contains(postgres.Message(err), "SCHEMA") {
		t.Errorf("got %v, %s", err, postgres.Message(err))
	}
}

// A role that may create functions in a schema of the caller's search_path must not have the owner
// run them. poll_idle qualifies each name itself.
func TestEveryFunctionFindsNamesWhateverTheCallersSearchPathIs(t *testing.T) {
	w := newWorld(t)
	unset := testworld.Column[string](t, w, `
		SELECT oid::regprocedure::text FROM pg_proc
		 WHERE pronamespace = 'referral'::regnamespace AND prosqlbody IS NULL -- one with a parsed body has found its names
		   AND proname <> 'poll_idle'
		   AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false)`)
	if len(unset) > 0 {
		t.Errorf("functions without a search_path of their own: %v", unset)
	}
}
