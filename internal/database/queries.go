package database

import "embed"

// queries are this package's statements, one a file.
//
//go:embed queries/*.sql
var queries embed.FS

// query returns a statement by the name of its file. A name that is not there
// is a mistake that the first test finds.
func query(name string) string {
	text, err := queries.ReadFile("queries/" + name + ".sql")
	if err != nil {
		panic(err)
	}
	return string(text)
}
