package engine_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// A poll that the server compiled would take longer for that than for all it looks up.
func TestPollIsNotCompiled(t *testing.T) {
	s := newShop(t)
	text, err := os.ReadFile("queries/poll.sql")
	testworld.Must(t, err)
	poll := strings.NewReplacer("$1", "'{}'", "$2", "'{}'", "$3", "'{}'", "$4", "'{}'").Replace(string(text))
	s.expect("plans with JIT", "SELECT current_setting('jit')", "on")
	for _, line := range s.rows("EXPLAIN " + poll) {
		if strings.HasPrefix(line, "JIT:") {
			t.Fatalf("the server compiles each poll:\n%s", strings.Join(s.rows("EXPLAIN "+poll), "\n"))
		}
	}
}

// The driver refuses to read an infinite time. No writer can store one; an altered row may have it.
func TestInfiniteTimesStopNoEngine(t *testing.T) {
	s := newCrowd(t)
	columns := s.rows(`SELECT c.table_name, c.column_name, CASE c.is_nullable WHEN 'YES' THEN 'NULL' ELSE 'now()' END
		FROM information_schema.columns AS c JOIN information_schema.tables AS t USING (table_schema, table_name)
		WHERE c.table_schema = 'referral' AND t.table_type = 'BASE TABLE' AND c.data_type = 'timestamp with time zone'
			AND c.table_name IN ('attribution', 'pair', 'campaign', 'revision', 'resync', 'resync_campaign', 'pair_count')
			OR (c.table_name, c.column_name) IN (('owner', 'heartbeat_at'))
		ORDER BY 1, 2`)
	if len(columns) < 12 {
		t.Fatalf("%q", columns)
	}
	for i, column := range columns {
		field := strings.Fields(column)
		alter := func(value string) string {
			return fmt.Sprintf("UPDATE referral.%s SET %s = %s; UPDATE referral.meta SET epoch = epoch + 1", field[0], field[1], value)
		}
		for _, value := range []string{"'infinity'", "'-infinity'"} {
			t.Run(fmt.Sprintf("%s.%s is %s", field[0], field[1], value), func(t *testing.T) {
				s := &shop{TB: t, db: s.db, writer: s.writer, owner: s.owner, engine: s.engine, uri: s.uri}
				s.asOwner(alter(value))
				s.write("INSERT INTO referral.signup (user_id, code) VALUES ($1, 'alice2')", fmt.Sprint("friend", i, value))
				s.converge()
				s.expect("pending changes and referees set aside", "SELECT count(*)::int FROM referral.change UNION ALL SELECT count(*)::int FROM referral.set_aside", "0", "0")
				s.status()
				s.asOwner(alter(field[2]))
			})
		}
	}
}
