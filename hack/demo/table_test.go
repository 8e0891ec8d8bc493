package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTableIsFormattedLikePsql(t *testing.T) {
	columns := []column{{name: "beneficiary_id"}, {name: "amount", numeric: true}, {name: "reason"}}
	for _, test := range []struct {
		name string
		rows [][]string
		want string
	}{
		{
			name: "numbers are aligned right, text left, and no line ends in blanks",
			rows: [][]string{{"alice", "500", "Qualified"}, {"alice", "-500", ""}},
			want: " beneficiary_id | amount | reason\n" +
				"----------------+--------+-----------\n" +
				" alice          |    500 | Qualified\n" +
				" alice          |   -500 |\n",
		},
		{
			name: "a cell wider than its heading widens the column, counted in characters",
			rows: [][]string{{"żółw-the-beneficiary", "1", "x"}},
			want: " beneficiary_id       | amount | reason\n" +
				"----------------------+--------+--------\n" +
				" żółw-the-beneficiary |      1 | x\n",
		},
		{
			name: "an empty result says so",
			want: " beneficiary_id | amount | reason\n" +
				"----------------+--------+--------\n" +
				"(no rows)\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := table{columns: columns, rows: test.rows}.String()
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("table (-want +got):\n%s", diff)
			}
		})
	}
}
