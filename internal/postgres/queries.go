package postgres

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

// Queries are the SQL files of one package by name: queries/find_link.sql is "find_link".
//
// The files are written with the literal qualifier "referral.", so that they run as they are in
// psql; In replaces it by the name of the schema in use.
type Queries map[string]string

// LoadQueries reads all files of the directory queries. Call it once per package, in a variable's
// initializer: it panics if there is none, which is a mistake in the embed directive.
func LoadQueries(files fs.FS) Queries {
	names, err := fs.Glob(files, "queries/*.sql")
	if err != nil || len(names) == 0 {
		panic(fmt.Sprintf("queries has no SQL files (%v)", err))
	}
	queries := make(Queries, len(names))
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			panic(err)
		}
		queries[strings.TrimSuffix(strings.TrimPrefix(name, "queries/"), ".sql")] = string(text)
	}
	return queries
}

// In returns a copy of the queries that is written for a schema.
func (q Queries) In(schema Schema) Queries {
	qualified := make(Queries, len(q))
	for name, text := range q {
		qualified[name] = schema.Qualify(text)
	}
	return qualified
}

// Get returns the named query. It panics if there is no such file, which is a mistake that the
// first test of the caller finds.
func (q Queries) Get(name string) string {
	text, ok := q[name]
	if !ok {
		panic("there is no queries/" + name + ".sql")
	}
	return text
}

//go:embed queries/*.sql
var files embed.FS

// queries are this package's own.
var queries = LoadQueries(files)
