package binaries

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// OldestPostgres is the oldest major version this project supports.
const OldestPostgres = 14

// PostgresInstallation is a directory with initdb and postgres of one version.
type PostgresInstallation struct {
	Dir   string
	Major int
}

// Initdb is the path of the program that makes a data directory.
func (i PostgresInstallation) Initdb() string { return filepath.Join(i.Dir, "initdb") }

// Server is the path of the server.
func (i PostgresInstallation) Server() string { return filepath.Join(i.Dir, "postgres") }

// Postgres finds an installation: on PATH, in the usual places (the newest), else from npm, else,
// for root, from apt. The environment variable PG asks for one major version.
func Postgres(ctx context.Context) (PostgresInstallation, error) {
	wanted, err := WantedPostgres()
	if err != nil {
		return PostgresInstallation{}, err
	}
	if found, ok := installedPostgres(ctx, wanted); ok {
		return found, nil
	}
	fromNPM, npmErr := npmPostgres(ctx, wanted)
	if npmErr == nil {
		return fromNPM, nil
	}
	aptErr := aptPostgres(ctx, wanted)
	if aptErr == nil {
		if found, ok := installedPostgres(ctx, wanted); ok {
			return found, nil
		}
		aptErr = errors.New("apt installed no Postgres that fits")
	}
	return PostgresInstallation{}, fmt.Errorf("no Postgres %s: install one, put its initdb on PATH, or set DATABASE_URL"+
		" (npm: %w; apt: %w)", wantedText(wanted), npmErr, aptErr)
}

// WantedPostgres is the major version that PG asks for, 0 if it is unset.
func WantedPostgres() (int, error) {
	text := os.Getenv("PG")
	if text == "" {
		return 0, nil
	}
	major, err := strconv.Atoi(text)
	if err != nil || major < OldestPostgres {
		return 0, fmt.Errorf("PG=%s is not a major version of Postgres from %d on", text, OldestPostgres)
	}
	return major, nil
}

func wantedText(wanted int) string {
	if wanted == 0 {
		return fmt.Sprintf("%d or newer", OldestPostgres)
	}
	return strconv.Itoa(wanted)
}

func fits(major, wanted int) bool {
	if wanted == 0 {
		return major >= OldestPostgres
	}
	return major == wanted
}

// usualPlaces are where distributions and installers put Postgres.
var usualPlaces = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/usr/lib/postgresql*/bin",
	"/usr/local/opt/postgresql*/bin",
	"/opt/homebrew/opt/postgresql*/bin",
	"/usr/local/pgsql/bin",
	"/usr/bin",
}

// installedPostgres prefers PATH, because that is the user's choice.
func installedPostgres(ctx context.Context, wanted int) (PostgresInstallation, bool) {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if found, ok := inspect(ctx, initdb); ok && fits(found.Major, wanted) {
			return found, true
		}
	}
	var candidates []PostgresInstallation
	for _, place := range usualPlaces {
		matches, _ := filepath.Glob(filepath.Join(place, "initdb")) // the patterns are well formed
		for _, initdb := range matches {
			if found, ok := inspect(ctx, initdb); ok && fits(found.Major, wanted) {
				candidates = append(candidates, found)
			}
		}
	}
	if len(candidates) == 0 {
		return PostgresInstallation{}, false
	}
	newest := slices.MaxFunc(candidates, func(a, b PostgresInstallation) int { return a.Major - b.Major })
	return newest, true
}

var majorVersion = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// inspect reads the version of the installation that an initdb belongs to. The server lies beside
// the real initdb, not beside a link to it.
func inspect(ctx context.Context, initdb string) (PostgresInstallation, bool) {
	program, err := filepath.EvalSymlinks(initdb)
	if err != nil || !isProgram(program) {
		return PostgresInstallation{}, false
	}
	found := PostgresInstallation{Dir: filepath.Dir(program)}
	if !isProgram(found.Server()) {
		return PostgresInstallation{}, false
	}
	output, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return PostgresInstallation{}, false
	}
	match := majorVersion.FindSubmatch(output)
	if match == nil {
		return PostgresInstallation{}, false
	}
	found.Major, err = strconv.Atoi(string(match[1]))
	return found, err == nil
}
