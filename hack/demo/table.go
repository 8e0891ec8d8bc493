package main

import (
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// table is a query's result as text.
type table struct {
	columns []column
	rows    [][]string
}

type column struct {
	name    string
	numeric bool // aligned right
}

// readTable reads the rows of a query in the simple protocol, in which the server formats every
// value as text.
func readTable(rows pgx.Rows) (table, error) {
	defer rows.Close()
	var t table
	for _, field := range rows.FieldDescriptions() {
		t.columns = append(t.columns, column{name: field.Name, numeric: isNumeric(field.DataTypeOID)})
	}
	for rows.Next() {
		var row []string
		for _, value := range rows.RawValues() {
			row = append(row, string(value)) // a null becomes empty
		}
		t.rows = append(t.rows, row)
	}
	return t, rows.Err()
}

func isNumeric(oid uint32) bool {
	switch oid {
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.NumericOID:
		return true
	}
	return false
}

// String formats the table like psql.
func (t table) String() string {
	widths := make([]int, len(t.columns))
	for i, column := range t.columns {
		widths[i] = utf8.RuneCountInString(column.name)
		for _, row := range t.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	var b strings.Builder
	names, rule := make([]string, len(t.columns)), make([]string, len(t.columns))
	for i, column := range t.columns {
		names[i], rule[i] = column.name, strings.Repeat("-", widths[i]+2)
	}
	t.writeRow(&b, widths, names)
	b.WriteString(strings.Join(rule, "+") + "\n")
	for _, row := range t.rows {
		t.writeRow(&b, widths, row)
	}
	if len(t.rows) == 0 {
		b.WriteString("(no rows)\n")
	}
	return b.String()
}

func (t table) writeRow(b *strings.Builder, widths []int, cells []string) {
	var line strings.Builder
	for i, cell := range cells {
		padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if t.columns[i].numeric {
			cell = padding + cell
		} else {
			cell += padding
		}
		if i > 0 {
			line.WriteString("|")
		}
		line.WriteString(" " + cell + " ")
	}
	b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
}
