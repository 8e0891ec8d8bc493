package testworld

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// HostileDefaults are defaults of a database or role that change what a transaction does unless the
// transaction sets them itself. The keys name subtests; each value is a list of assignments.
func HostileDefaults() map[string]string {
	return map[string]string{
		"repeatable read":    "default_transaction_isolation = 'repeatable read'",
		"serializable":       "default_transaction_isolation = 'serializable'; default_transaction_deferrable = on",
		"read only":          "default_transaction_read_only = on",
		"search path":        "search_path = hostile, pg_catalog",
		"timeouts":           "statement_timeout = '200ms'; lock_timeout = '1ms'; idle_in_transaction_session_timeout = '1ms'",
		"little memory":      "work_mem = '64kB'; row_security = off; plan_cache_mode = force_generic_plan",
		"encoding":           "client_encoding = 'LATIN1'",
		"formats":            "DateStyle = 'German, DMY'; IntervalStyle = 'sql_standard'; TimeZone = 'Asia/Kathmandu'; extra_float_digits = -15; bytea_output = 'escape'; quote_all_identifiers = on; array_nulls = off; transform_null_equals = on; client_min_messages = 'error'",
		"all of it together": "default_transaction_isolation = 'serializable'; default_transaction_read_only = on; default_transaction_deferrable = on; search_path = hostile, pg_catalog; lock_timeout = '1ms'; idle_in_transaction_session_timeout = '1ms'; client_encoding = 'LATIN1'",
	}
}

// hostile are functions and operators that fail. An unqualified name finds them first under a
// hostile search_path.
const hostile = `
	CREATE SCHEMA IF NOT EXISTS hostile;
	GRANT USAGE ON SCHEMA hostile TO PUBLIC;
	CREATE FUNCTION hostile.fail(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a hostile function was called: %', $1; END $$;
	CREATE FUNCTION hostile.lower(text) RETURNS text LANGUAGE sql RETURN hostile.fail('lower');
	CREATE FUNCTION hostile.now() RETURNS timestamptz LANGUAGE sql RETURN hostile.fail('now')::timestamptz;
	CREATE FUNCTION hostile.clock_timestamp() RETURNS timestamptz LANGUAGE sql RETURN hostile.fail('clock_timestamp')::timestamptz;
	CREATE FUNCTION hostile.concat_ws(text, VARIADIC text[]) RETURNS text LANGUAGE sql RETURN hostile.fail('concat_ws');
	CREATE FUNCTION hostile.set_config(text, text, boolean) RETURNS text LANGUAGE sql RETURN hostile.fail('set_config');
	CREATE FUNCTION hostile.current_setting(text) RETURNS text LANGUAGE sql RETURN hostile.fail('current_setting');
	CREATE FUNCTION hostile.unnest(text[]) RETURNS SETOF text LANGUAGE sql BEGIN ATOMIC SELECT hostile.fail('unnest'); END;
	CREATE FUNCTION hostile.equal(text, text) RETURNS boolean LANGUAGE sql RETURN hostile.fail('=')::boolean;
	CREATE FUNCTION hostile.equal(bigint, bigint) RETURNS boolean LANGUAGE sql RETURN hostile.fail('=')::boolean;
	CREATE FUNCTION hostile.equal(smallint, smallint) RETURNS boolean LANGUAGE sql RETURN hostile.fail('=')::boolean;
	CREATE FUNCTION hostile.at_most(timestamptz, timestamptz) RETURNS boolean LANGUAGE sql RETURN hostile.fail('<=')::boolean;
	CREATE OPERATOR hostile.= (FUNCTION = hostile.equal, LEFTARG = text, RIGHTARG = text);
	CREATE OPERATOR hostile.= (FUNCTION = hostile.equal, LEFTARG = bigint, RIGHTARG = bigint);
	CREATE OPERATOR hostile.= (FUNCTION = hostile.equal, LEFTARG = smallint, RIGHTARG = smallint);
	CREATE OPERATOR hostile.<= (FUNCTION = hostile.at_most, LEFTARG = timestamptz, RIGHTARG = timestamptz);`

// MakeHostile sets these defaults, separated by semicolons, for the role and for the database. They
// apply to later connections.
func (d *Database) MakeHostile(t testing.TB, role, defaults string) {
	t.Helper()
	name := pgx.Identifier{d.Name}.Sanitize()
	statements := []string{hostile}
	for assignment := range strings.SplitSeq(defaults, ";") {
		statements = append(statements,
			"ALTER DATABASE "+name+" SET "+assignment,
			"ALTER ROLE "+pgx.Identifier{role}.Sanitize()+" IN DATABASE "+name+" SET "+assignment)
	}
	err := withConnection(t.Context(), d.AdminURI, func(connection *pgx.Conn) error {
		return execAll(t.Context(), connection, statements...)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // so that an administrator can look at it and drop it
		_ = d.server.administer(context.WithoutCancel(t.Context()), "ALTER DATABASE "+name+" RESET ALL")
	})
}
