package binaries

import (
	"os"
	"path/filepath"
	"testing"
)

func installation(t *testing.T, version string) PostgresInstallation {
	t.Helper()
	dir := t.TempDir()
	found := PostgresInstallation{Dir: dir}
	program(t, dir, "initdb", `echo "initdb (PostgreSQL) `+version+`"`)
	program(t, dir, "postgres", "")
	return found
}

func TestInstalledPostgresOfTheRightVersionIsFound(t *testing.T) {
	old, oldest, newest := installation(t, "13.9"), installation(t, "14.23"), installation(t, "18beta1 (Debian 18)")
	for name, c := range map[string]struct {
		onPath string
		places []string
		wanted int
		want   string // where; nowhere if empty
	}{
		"the one on PATH wins":             {oldest.Dir, []string{newest.Dir}, 0, oldest.Dir},
		"too old on PATH is passed over":   {old.Dir, []string{newest.Dir}, 0, newest.Dir},
		"of the places, the newest":        {"", []string{old.Dir, oldest.Dir, newest.Dir}, 0, newest.Dir},
		"a wanted version wins over PATH":  {newest.Dir, []string{oldest.Dir}, 14, oldest.Dir},
		"no other than the wanted version": {newest.Dir, []string{oldest.Dir}, 16, ""},
		"too old is as good as none":       {old.Dir, []string{old.Dir}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PATH", c.onPath)
			defer func(places []string) { usualPlaces = places }(usualPlaces)
			usualPlaces = c.places
			found, ok := installedPostgres(t.Context(), c.wanted)
			if ok != (c.want != "") || found.Dir != c.want {
				t.Errorf("found %v, %v; want %q", found, ok, c.want)
			}
		})
	}
}

func TestInstallationIsFoundThroughLinks(t *testing.T) {
	installed := installation(t, "15.18")
	link := filepath.Join(t.TempDir(), "initdb")
	if err := os.Symlink(installed.Initdb(), link); err != nil {
		t.Fatal(err)
	}
	found, ok := inspect(t.Context(), link)
	if want := (PostgresInstallation{Dir: installed.Dir, Major: 15}); !ok || found != want {
		t.Errorf("found %v, %v; want %v", found, ok, want)
	}
}

func TestInitdbWithoutPostgresIsNoInstallation(t *testing.T) {
	found := installation(t, "15.18")
	if err := os.Remove(found.Server()); err != nil {
		t.Fatal(err)
	}
	if _, ok := inspect(t.Context(), found.Initdb()); ok {
		t.Error("found an installation that has no server")
	}
}

func TestPGMustBeASupportedMajorVersion(t *testing.T) {
	for value, ok := range map[string]bool{"": true, "14": true, "18": true, "13": false, "15.3": false, "latest": false} {
		t.Setenv("PG", value)
		if _, err := WantedPostgres(); (err == nil) != ok {
			t.Errorf("PG=%q: %v", value, err)
		}
	}
}
