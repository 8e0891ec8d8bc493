package engine

import (
	"embed"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

//go:embed queries/*.sql
var queryFiles embed.FS

var queries = postgres.LoadQueries(queryFiles)

// statement returns a statement by the name of its file, written for the schema in use. Copies that
// were kept would take more memory than all else that an idle engine needs.
func (e *Engine) statement(name string) string { return e.db.Qualify(e.sql.Get(name)) }
