package database_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

var (
	comments      = regexp.MustCompile(`(?m)^--.*$`)
	namedArgument = regexp.MustCompile(`@[a-z_]+`)
	// byKey are indexes of columns in the database's own collation. Those of the columns that they
	// are compared with are COLLATE "C", which the planner finds in no such index.
	byKey = map[string]*regexp.Regexp{"campaign_pkey": usesOf("campaign"), "revision_pkey": usesOf("revision")}
)

// usesOf matches scans of a table, and of its key; only a scan with the submatch looks rows up by key.
func usesOf(table string) *regexp.Regexp {
	return regexp.MustCompile(`(?:Seq Scan on ` + table + `\b|Scan (?:Backward )?(?:using|on) ` + table + `_pkey\b)[^\n]*\n?( *Index Cond)?`)
}

// Visitors and batches would wait for a scan of all campaigns otherwise.
func TestStatementsFindCampaignsAndRevisionsByTheirKeys(t *testing.T) {
	w := newWorld(t)
	w.declare(invite())
	for _, sql := range []string{
		`INSERT INTO referral.campaign SELECT (jsonb_populate_record(c, jsonb_build_object('name', 'c' || n, 'uid', 'u' || n))).*
			FROM referral.campaign AS c, generate_series(1, 10000) AS n`,
		`INSERT INTO referral.revision SELECT (jsonb_populate_record(r, jsonb_build_object('campaign', 'c' || n))).*
			FROM referral.revision AS r, generate_series(1, 10000) AS n`,
		"ANALYZE referral.campaign, referral.revision",
	} {
		testworld.Exec(t, w, sql)
	}
	var files []string
	for _, pattern := range []string{"../*/queries/*.sql", "../*/*/queries/*.sql"} {
		found, err := filepath.Glob(pattern)
		testworld.Must(t, err)
		files = append(files, found...)
	}
	named := 0
	for _, file := range files {
		content, err := os.ReadFile(file)
		testworld.Must(t, err)
		text := string(content)
		says := strings.Join(comments.FindAllString(text, -1), " ")
		if !strings.Contains(text, "referral.campaign") && !strings.Contains(text, "referral.revision") || filepath.Base(file) == "bootstrap_tables.sql" {
			continue
		}
		plan := w.genericPlan(comments.ReplaceAllString(text, ""))
		for index, uses := range byKey {
			if strings.Contains(says, index) {
				named++
				if !strings.Contains(plan, index) {
					t.Errorf("%s says that it uses %s, which it does not:\n%s", file, index, plan)
				}
			}
			for _, use := range uses.FindAllStringSubmatch(plan, -1) {
				if use[1] == "" && !strings.Contains(says, "whole") {
					t.Errorf("%s does not say that it reads a table whole:\n%s", file, plan)
				}
			}
		}
	}
	if named < 20 {
		t.Errorf("only %d statements of %d name these indexes", named, len(files))
	}
}

// genericPlan returns how the database carries out a statement, whatever its arguments are.
func (w *world) genericPlan(sql string) string {
	w.Helper()
	var names []string
	sql = namedArgument.ReplaceAllStringFunc(sql, func(name string) string {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		return fmt.Sprintf("$%d", 1+slices.Index(names, name))
	})
	tx, err := w.Begin(w.Context())
	testworld.Must(w, err)
	defer func() { _ = tx.Rollback(w.Context()) }()
	for _, setting := range []string{"enable_seqscan = off", "enable_hashjoin = off", "enable_mergejoin = off", "plan_cache_mode = force_generic_plan"} {
		_, err = tx.Exec(w.Context(), "SET LOCAL "+setting)
		testworld.Must(w, err)
	}
	explained, err := tx.Prepare(w.Context(), "explained", w.Qualify(sql))
	if err != nil {
		w.Fatalf("%v in:%s", err, sql)
	}
	nulls := strings.TrimSuffix(strings.Repeat("NULL, ", len(explained.ParamOIDs)), ", ")
	if nulls != "" {
		nulls = "(" + nulls + ")"
	}
	rows, err := tx.Query(w.Context(), "EXPLAIN (COSTS OFF) EXECUTE explained"+nulls)
	testworld.Must(w, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	testworld.Must(w, err)
	testworld.Must(w, tx.Conn().Deallocate(w.Context(), "explained"))
	return strings.Join(lines, "\n")
}
