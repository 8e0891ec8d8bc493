package database_test

import (
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestUserThatMayBecomeSuperuserIsPrivileged(t *testing.T) {
	for name, test := range map[string]struct {
		admin string // statements, in which OPERATOR is the user
		want  string // empty: not privileged
		since int    // oldest major version of the server with this outcome; 0: any
		until int    // newest; 0: any
	}{
		"owner of the database":              {},
		"member of an ordinary role":         {admin: "CREATE ROLE OPERATOR_g; GRANT OPERATOR_g TO OPERATOR"},
		"superuser":                          {admin: "ALTER ROLE OPERATOR SUPERUSER", want: "is a superuser"},
		"member of a superuser":              {admin: "CREATE ROLE OPERATOR_s SUPERUSER; GRANT OPERATOR_s TO OPERATOR", want: "member of a superuser"},
		"member of a member":                 {admin: "CREATE ROLE OPERATOR_t SUPERUSER; CREATE ROLE OPERATOR_m; GRANT OPERATOR_t TO OPERATOR_m; GRANT OPERATOR_m TO OPERATOR", want: "member of a superuser"},
		"member that does not inherit":       {admin: "ALTER ROLE OPERATOR NOINHERIT; CREATE ROLE OPERATOR_n SUPERUSER; GRANT OPERATOR_n TO OPERATOR", want: "member of a superuser"},
		"programs of the server":             {admin: "GRANT pg_execute_server_program TO OPERATOR", want: "run programs"},
		"files of the server":                {admin: "GRANT pg_write_server_files TO OPERATOR", want: "files of the server"},
		"CREATEROLE before Postgres 16":      {admin: "ALTER ROLE OPERATOR CREATEROLE", want: "may create roles", until: 15},
		"CREATEROLE since Postgres 16":       {admin: "ALTER ROLE OPERATOR CREATEROLE", since: 16},
		"member of a CREATEROLE, before 16":  {admin: "CREATE ROLE OPERATOR_c CREATEROLE; GRANT OPERATOR_c TO OPERATOR", want: "may create roles", until: 15},
		"creator of databases and a monitor": {admin: "ALTER ROLE OPERATOR CREATEDB; GRANT pg_monitor TO OPERATOR"},
	} {
		t.Run(name, func(t *testing.T) {
			own := testworld.NewDatabase(t)
			admin := testworld.Pool(t, own.AdminURI)
			version := testworld.Value[int](t, admin, "SELECT current_setting('server_version_num')::integer / 10000")
			if version < test.since || test.until != 0 && version > test.until {
				t.Skipf("Postgres %d", version)
			}
			for statement := range strings.SplitSeq(strings.ReplaceAll(test.admin, "OPERATOR", own.Operator), ";") {
				if strings.TrimSpace(statement) != "" {
					testworld.Exec(t, admin, statement)
				}
			}
			got, err := database.ReadPrivilege(t.Context(), open(t, own.URI, postgres.DefaultSchema))
			testworld.Must(t, err)
			if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
				t.Errorf("the user %q, want %q", got, test.want)
			}
		})
	}
}
