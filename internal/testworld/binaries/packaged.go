package binaries

import (
	"context"
	"errors"
	"fmt"
)

// packaged is a program that the distribution packages, and most machines have.
type packaged struct {
	name    string
	places  []string // names on PATH, and places beside it: the PATH of ordinary users often has no sbin
	version string   // the argument with which it prints its version
	pkg     string   // the distribution's package; empty: it has none
}

var (
	nginx = packaged{
		name:    "nginx",
		places:  []string{"nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx", "/opt/homebrew/bin/nginx"},
		version: "-v", pkg: "nginx-light",
	}
	traefik = packaged{
		name: "Traefik", places: []string{"traefik", "/usr/local/bin/traefik", "/opt/homebrew/bin/traefik"}, version: "version",
	}
	pgBouncer = packaged{
		name:    "PgBouncer",
		places:  []string{"pgbouncer", "/usr/sbin/pgbouncer", "/usr/local/sbin/pgbouncer", "/opt/homebrew/bin/pgbouncer"},
		version: "--version", pkg: "pgbouncer",
	}
	chromium = packaged{
		name: "Chromium",
		places: []string{
			"chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
			"/Applications/Chromium.app/Contents/MacOS/Chromium",
			"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
		},
		version: "--version", pkg: "chromium",
	}
	prometheus = packaged{
		name: "Prometheus", places: []string{"prometheus", "/usr/local/bin/prometheus", "/opt/homebrew/bin/prometheus"},
		version: "--version", pkg: "prometheus",
	}
	promtool = packaged{
		name: "promtool", places: []string{"promtool", "/usr/local/bin/promtool", "/opt/homebrew/bin/promtool"},
		version: "--version", pkg: "prometheus",
	}
	psql = packaged{
		name: "psql", places: []string{"psql", "/usr/local/bin/psql", "/opt/homebrew/bin/psql"},
		version: "--version", pkg: "postgresql-client",
	}
)

// Nginx returns the path of an nginx; see find.
func Nginx(ctx context.Context) (string, error) { return nginx.find(ctx) }

// Traefik returns the path of a Traefik; see find.
func Traefik(ctx context.Context) (string, error) { return traefik.find(ctx) }

// PgBouncer returns the path of a PgBouncer; see find.
func PgBouncer(ctx context.Context) (string, error) { return pgBouncer.find(ctx) }

// Chromium returns the path of a Chromium or Chrome; see find.
func Chromium(ctx context.Context) (string, error) { return chromium.find(ctx) }

// Prometheus returns the path of a Prometheus; see find.
func Prometheus(ctx context.Context) (string, error) { return prometheus.find(ctx) }

// Promtool returns the path of Prometheus' tool for rules; see find.
func Promtool(ctx context.Context) (string, error) { return promtool.find(ctx) }

// Psql returns the path of Postgres' client; see find.
func Psql(ctx context.Context) (string, error) { return psql.find(ctx) }

// find returns the path of the program: the one on PATH or in a usual place, else, for root, the
// distribution's, which is installed.
func (p packaged) find(ctx context.Context) (string, error) {
	if path, ok := working(ctx, p.places, p.version); ok {
		return path, nil
	}
	if p.pkg == "" {
		return "", fmt.Errorf("no %s: put one on PATH", p.name)
	}
	err := aptInstall(ctx, p.pkg)
	if err == nil {
		if path, ok := working(ctx, p.places, p.version); ok {
			return path, nil
		}
		err = errors.New("apt installed none that runs")
	}
	return "", fmt.Errorf("no %s: install one, or put it on PATH (apt: %w)", p.name, err)
}
