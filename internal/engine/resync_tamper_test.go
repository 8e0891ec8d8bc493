package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// unread are columns of results that the engine writes and never reads: times for people, and
// numbers of rows.
var unread = []string{
	"attribution.resolved_at", "pair.decided_at",
	"pair_count.revised", "pair_count.condition_errors", "pair_count.changed_at",
}

// unrestored are columns whose original value is recorded nowhere else: the row keeps the altered
// value and gets a checksum.
var unrestored = []string{"pair.admission_order", "pair.counted_at"}

// tampered are values of the column's type that differ from the recorded one.
func tampered(table, column, kind string) []string {
	switch table + "." + column {
	case "attribution.source":
		return []string{"CASE source WHEN 'Code' THEN 'Touch' ELSE 'Code' END"}
	case "pair.state":
		return []string{"CASE state WHEN 'Held' THEN 'Granted' ELSE 'Held' END"}
	case "pair.reason":
		return []string{"CASE reason WHEN 'Refunded' THEN 'Overridden' ELSE 'Refunded' END"}
	case "attribution.via":
		return []string{"CASE WHEN via IS NULL THEN 7 END"}
	}
	switch kind {
	case "text":
		return []string{"'tampered'"}
	case "timestamp with time zone":
		return []string{column + " + interval '1 day'", "'infinity'", "'-infinity'"}
	case "boolean":
		return []string{"NOT " + column}
	}
	return []string{"coalesce(" + column + ", 0) + 7"}
}

// A resync notices an altered value in any column of results and puts it right.
func TestResyncNoticesEachAlteredColumn(t *testing.T) {
	s := newCrowd(t)
	before, entries := s.allResults(), s.rows(ledger)
	for _, row := range []struct{ table, where string }{
		{"attribution", "user_id = 'bob'"}, {"attribution", "user_id = 'dave'"}, {"attribution", "user_id = 'finn'"},
		{"pair", "user_id = 'bob'"}, {"pair", "user_id = 'dave'"}, {"pair", "user_id = 'carol'"},
		{"credit", "user_id = 'bob'"}, {"credit", "user_id = 'dave' AND reward = 'friend'"},
		{"pair_count", "campaign = 'invite' AND granted > 0"}, {"credit_count", "campaign = 'slow' AND held > 0"},
		{"referrer", "campaign = 'invite' AND referrer_id = 'alice'"},
	} {
		columns := s.rows("SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'referral' AND table_name = $1 ORDER BY ordinal_position", row.table)
		for _, c := range columns {
			column, kind, _ := strings.Cut(c, " ")
			if name := row.table + "." + column; slices.Contains(unread, name) || isKey(row.table, column) {
				continue
			}
			for _, value := range tampered(row.table, column, kind) {
				t.Run(fmt.Sprintf("%s.%s where %s is %s", row.table, column, row.where, value), func(t *testing.T) {
					s := &shop{TB: t, db: s.db, writer: s.writer, owner: s.owner, engine: s.engine, uri: s.uri}
					s.behind(fmt.Sprintf("UPDATE referral.%s SET %s = %s WHERE %s", row.table, column, value, row.where))
					if cmp.Equal(before, s.allResults()) {
						t.Fatal("nothing was altered")
					}
					s.resync()
					skip := ""
					if slices.Contains(unrestored, row.table+"."+column) {
						skip = column
					}
					if diff := cmp.Diff(s.without(before, skip), s.without(s.allResults(), skip)); diff != "" {
						t.Errorf("not as it was (-before +after):\n%s", diff)
					}
					if diff := cmp.Diff(entries, s.rows(ledger)); diff != "" {
						t.Errorf("the ledger has other entries (-before +after):\n%s", diff)
					}
					quiet := s.written()
					s.resync()
					if diff := cmp.Diff(quiet, s.written()); diff != "" {
						t.Errorf("the second resync wrote something:\n%s", diff)
					}
					if skip != "" {
						before = s.allResults()
					}
				})
			}
		}
	}
}

// A Reversed pair that is not decided anew keeps its admission order, also if no original value
// follows from its checksum.
func TestResyncKeepsTheOrderOfAReversedPair(t *testing.T) {
	const orders = "SELECT user_id, admission_order FROM referral.pair ORDER BY 1"
	for name, alter := range map[string]string{
		"two columns":        "allowed = NOT allowed, credits = 7",
		"reason and ordinal": "reason = 'Overridden', ordinal = 7",
		"a checksum of 0":    "checksum = 0",
		"no checksum":        "checksum = NULL",
		"four columns":       "state = 'Held', reason = 'HoldPeriod', allowed = NOT allowed, credits = 1",
	} {
		t.Run(name, func(t *testing.T) {
			s := newCrowd(t)
			before := s.rows(orders)
			s.behind("UPDATE referral.pair SET " + alter + " WHERE user_id = 'carol'")
			s.resync()
			s.expect("orders", orders, before...)
			s.expect("carol", "SELECT state, reason FROM referral.pair WHERE user_id = 'carol'", "Reversed Refunded")
			quiet := s.written()
			s.resync()
			if diff := cmp.Diff(quiet, s.written()); diff != "" {
				t.Errorf("the second resync wrote something:\n%s", diff)
			}
		})
	}
}

// isKey reports whether the column is part of a key: a row with an altered key is missing under its
// own key and superfluous under the other.
func isKey(table, column string) bool {
	switch table {
	case "attribution", "pair", "credit":
		return column == "user_id" || column == "purchase_id" || column == "reward"
	}
	return column == "campaign" || column == "referrer_id" || column == "currency" || column == "shard"
}

// allResults are all results with the columns that other tests leave out.
func (s *shop) allResults() []string {
	s.Helper()
	return append(s.someResults(),
		append(s.rows("SELECT campaign, currency, sum(reversed)::text FROM referral.credit_count GROUP BY 1, 2 ORDER BY 1, 2"), s.rows("SELECT user_id, purchase_id, checksum = referral.checksum_of_pair(user_id, purchase_id, campaign, referrer_id, revision, admission_order, ordinal, qualified_at, matures_at, counted_at, allowed, state, reason, credits), counted_at::text, admission_order, checksum FROM referral.pair ORDER BY 1, 2")...)...)
}

// someResults are the results without counters of nothing.
func (s *shop) someResults() []string {
	s.Helper()
	return slices.DeleteFunc(s.results(), func(row string) bool {
		return slices.Contains([]string{"tampered 0 0 0 0 0", "tampered USD 0 0", "invite EUR 0 0"}, row)
	})
}

// without removes a column from results.
func (s *shop) without(rows []string, skip string) []string {
	if skip == "" {
		return rows
	}
	var kept []string
	for _, row := range rows {
		before, _, _ := strings.Cut(row, " true ")
		kept = append(kept, before)
	}
	return kept
}

// An altered entry counts with its altered amount and is corrected by another entry. It restores
// nothing.
func TestResyncPutsAlteredEntriesRight(t *testing.T) {
	for column, value := range map[string]string{
		"amount": "700", "campaign": "'tampered'", "beneficiary_id": "'tampered'", "currency": "'EUR'", "reward": "'tampered'",
		"revision": "7", "reason": "'Refunded'", "kind": "'Reversal'", "checksum": "7", "seq": "3",
	} {
		t.Run(column, func(t *testing.T) {
			s := newCrowd(t)
			before := s.someResults()
			s.behind(fmt.Sprintf("UPDATE referral.ledger SET %s = %s WHERE user_id = 'bob'", column, value))
			s.resync()
			if diff := cmp.Diff(before, s.someResults()); diff != "" {
				t.Errorf("not as it was (-before +after):\n%s", diff)
			}
		})
	}
}

func TestForgedEntriesRestoreNothing(t *testing.T) {
	s := newCrowd(t)
	before := s.someResults()
	s.behind(`INSERT INTO referral.ledger (user_id, purchase_id, reward, seq, campaign, revision, beneficiary_id, amount, currency, kind, reason, checksum)
		VALUES ('erin', 'p9', 'inviter', 1, 'invite', 1, 'mallory', 700, 'USD', 'Grant', 'Qualified', 7)`)
	s.resync()
	if diff := cmp.Diff(before, s.someResults()); diff != "" {
		t.Errorf("not as it was (-before +after):\n%s", diff)
	}
}
