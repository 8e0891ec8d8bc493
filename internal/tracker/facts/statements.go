package facts

import (
	"embed"
	"io/fs"
	"strings"

	"github.com/referral-operator/referral-operator/internal/database"
)

//go:embed queries/*.sql
var files embed.FS

// statements are the package's SQL files by name, qualified with one schema.
type statements map[string]string

func newStatements(schema database.Schema) statements {
	names, err := fs.Glob(files, "queries/*.sql")
	if err != nil {
		panic(err) // the pattern is constant
	}
	all := make(statements, len(names))
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			panic(err) // the file is embedded
		}
		all[strings.TrimSuffix(strings.TrimPrefix(name, "queries/"), ".sql")] = schema.Qualify(string(text))
	}
	return all
}

// get returns the named statement. It panics for a name without a file, which any test finds.
func (s statements) get(name string) string {
	text, ok := s[name]
	if !ok {
		panic("facts has no statement " + name)
	}
	return text
}
