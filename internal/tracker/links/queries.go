package links

import (
	"embed"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

//go:embed queries/*.sql
var queryFiles embed.FS

var queries = postgres.LoadQueries(queryFiles)
