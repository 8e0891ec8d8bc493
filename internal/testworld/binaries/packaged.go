package binaries

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
)

// Program is one that some tests need, and that not every machine has.
type Program struct {
	Name     string
	Unproven string // what `make test` leaves unproven without it; empty: nothing, since `make test` does not need it

	places  []string // names on PATH, and places beside it: the PATH of ordinary users often has no sbin
	version string   // the argument with which it prints its version
	pkg     string   // the distribution's package; empty: it has none

	look func(ctx context.Context, name string) (string, error) // nil: in places, and in the package
}

// The programs, beside those of the control plane and Postgres.
var (
	Nginx = forTests(Program{
		Name: "nginx", Unproven: "the configuration of nginx as a gateway, and what a browser sees behind it",
		places:  []string{"nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx", "/opt/homebrew/bin/nginx"},
		version: "-v", pkg: "nginx-light",
	})
	Chromium = forTests(Program{
		Name: "Chromium", Unproven: "the story with a real browser, and that the page of the HTTP API shows in one",
		places: []string{
			"chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
			"/Applications/Chromium.app/Contents/MacOS/Chromium",
			"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
		},
		version: "--version", pkg: "chromium",
	})
	Traefik = forTests(Program{
		Name: "Traefik", Unproven: "the configuration of Traefik as a gateway",
		places: []string{"traefik", "/usr/local/bin/traefik", "/opt/homebrew/bin/traefik"}, version: "version",
	})
	PgBouncer = forTests(Program{
		Name: "PgBouncer", Unproven: "operator and tracker behind a pooler in transaction mode",
		places:  []string{"pgbouncer", "/usr/sbin/pgbouncer", "/usr/local/sbin/pgbouncer", "/opt/homebrew/bin/pgbouncer"},
		version: "--version", pkg: "pgbouncer",
	})
	Prometheus = forTests(Program{
		Name: "Prometheus", Unproven: "that no panel of the dashboard is empty",
		places: []string{"prometheus", "/usr/local/bin/prometheus", "/opt/homebrew/bin/prometheus"}, version: "--version", pkg: "prometheus",
	})
	Promtool = forTests(Program{
		Name: "promtool", Unproven: "that each alert fires when it is to, and only then",
		places: []string{"promtool", "/usr/local/bin/promtool", "/opt/homebrew/bin/promtool"}, version: "--version", pkg: "prometheus",
	})
	// PgBasebackup is looked for beside the server that is started: it is of the same version.
	PgBasebackup = forTests(Program{Name: "pg_basebackup", Unproven: "failover to a standby", look: besideServer})

	Psql = &Program{
		Name:   "psql",
		places: []string{"psql", "/usr/local/bin/psql", "/opt/homebrew/bin/psql"}, version: "--version", pkg: "postgresql-client",
	}
)

// ForTests are the programs without which `make test` skips tests.
var ForTests []*Program

func forTests(p Program) *Program {
	ForTests = append(ForTests, &p)
	return &p
}

// Find returns the path of the program: the one on PATH or in a usual place, else, for root, the
// distribution's, which is installed.
func (p *Program) Find(ctx context.Context) (string, error) {
	if p.look != nil {
		return p.look(ctx, p.Name)
	}
	if path, ok := working(ctx, p.places, p.version); ok {
		return path, nil
	}
	if p.pkg == "" {
		return "", fmt.Errorf("no %s: put one on PATH", p.Name)
	}
	err := aptInstall(ctx, p.pkg)
	if err == nil {
		if path, ok := working(ctx, p.places, p.version); ok {
			return path, nil
		}
		err = errors.New("apt installed none that runs")
	}
	return "", fmt.Errorf("no %s: install one, or put it on PATH (apt: %w)", p.Name, err)
}

// besideServer returns the path of a program that some installations of Postgres have.
func besideServer(ctx context.Context, name string) (string, error) {
	installed, err := Postgres(ctx)
	if err != nil {
		return "", err
	}
	path := filepath.Join(installed.Dir, name)
	if !isProgram(path) {
		return "", fmt.Errorf("no %s beside the server in %s: install a Postgres that has one", name, installed.Dir)
	}
	return path, nil
}
