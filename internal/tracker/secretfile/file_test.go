package secretfile_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/internal/tracker/secretfile"
)

// parse takes anything that does not begin with "bad".
func parse(content []byte) (string, error) {
	if bytes.HasPrefix(content, []byte("bad")) {
		return "", errors.New("line 1 is not a key")
	}
	return string(content), nil
}

// mount is a directory laid out like a mounted Secret: names lead through a symbolic link, which is
// replaced by each change.
type mount struct {
	testing.TB
	dir  string
	next int
}

func (m *mount) path() string { return filepath.Join(m.dir, "keys") }

func (m *mount) swap(content string) {
	m.Helper()
	m.next++
	name := "..v" + strings.Repeat("i", m.next)
	check(m, os.Mkdir(filepath.Join(m.dir, name), 0o755))
	check(m, os.WriteFile(filepath.Join(m.dir, name, "keys"), []byte(content), 0o600))
	check(m, os.Symlink(name, filepath.Join(m.dir, "..new")))
	check(m, os.Rename(filepath.Join(m.dir, "..new"), filepath.Join(m.dir, "..data")))
	if m.next == 1 {
		check(m, os.Symlink("..data/keys", m.path()))
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestInvalidFileLeavesTheLastValueInForce(t *testing.T) {
	m := &mount{TB: t, dir: t.TempDir()}
	m.swap("first-secret")
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	file, err := secretfile.Open(m.path(), parse, logger)
	check(t, err)
	expect := func(value string, lines int) {
		t.Helper()
		file.Refresh()
		file.Refresh() // nothing new: nothing more is logged
		if got := file.Get(); got != value {
			t.Errorf("%q, want %q", got, value)
		}
		if got := strings.Count(log.String(), "\n"); got != lines {
			t.Errorf("%d lines, want %d:\n%s", got, lines, log.String())
		}
	}
	expect("first-secret", 0)
	m.swap("second-secret")
	expect("second-secret", 1)
	m.swap("bad-secret")
	expect("second-secret", 2)
	check(t, os.Remove(m.path()))
	expect("second-secret", 3)
	check(t, os.Symlink("..data/keys", m.path()))
	m.swap("third-secret")
	expect("third-secret", 4)
	m.swap("bad-secret")
	expect("third-secret", 5)
	m.swap("third-secret") // usable again: logged
	expect("third-secret", 6)
	m.swap(strings.Repeat("x", 1<<20+1))
	expect("third-secret", 7)
	if strings.Contains(log.String(), "-secret") {
		t.Errorf("the log has content of the file:\n%s", log.String())
	}
}

func TestEmptiedOrRemovedFileRevokesItsValue(t *testing.T) {
	m := &mount{TB: t, dir: t.TempDir()}
	m.swap("first-secret")
	var log bytes.Buffer
	file, err := secretfile.OpenRevocable(m.path(), parse, "none", slog.New(slog.NewTextHandler(&log, nil)))
	check(t, err)
	expect := func(what, value string, lines int) {
		t.Helper()
		file.Refresh()
		file.Refresh()
		if got := file.Get(); got != value {
			t.Errorf("%s: %q, want %q", what, got, value)
		}
		if got := strings.Count(log.String(), "\n"); got != lines {
			t.Errorf("%s: %d lines, want %d:\n%s", what, got, lines, log.String())
		}
	}
	expect("usable", "first-secret", 0)
	m.swap("")
	expect("empty", "none", 1)
	m.swap("first-secret") // the same content as before
	expect("usable again", "first-secret", 2)
	m.swap(" \n# bad-secret\n\n")
	expect("comments alone", "none", 3)
	m.swap("bad-secret")
	expect("invalid after it was empty", "none", 4)
	m.swap("second-secret")
	expect("usable again", "second-secret", 5)
	check(t, os.Remove(m.path()))
	expect("removed", "none", 6)
}

func TestRevocableFileMayBeEmptyWhenItIsOpened(t *testing.T) {
	for name, content := range map[string]string{"empty": "", "a comment": "# revoked\n", "a byte-order mark": "\ufeff"} {
		m := &mount{TB: t, dir: t.TempDir()}
		m.swap(content)
		var log bytes.Buffer
		file, err := secretfile.OpenRevocable(m.path(), parse, "none", slog.New(slog.NewTextHandler(&log, nil)))
		check(t, err)
		file.Refresh() // nothing new: nothing more is logged
		if got := file.Get(); got != "none" || strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), m.path()) {
			t.Errorf("%s: %q, %s", name, got, log.String())
		}
		m.swap("a-secret")
		if file.Refresh(); file.Get() != "a-secret" {
			t.Errorf("%s, then a value: %q", name, file.Get())
		}
	}
	none, discard := filepath.Join(t.TempDir(), "none"), slog.New(slog.DiscardHandler)
	if _, err := secretfile.OpenRevocable(none, parse, "none", discard); err == nil || !strings.Contains(err.Error(), none) {
		t.Errorf("a missing file, whose path may be wrong: %v", err)
	}
	m := &mount{TB: t, dir: t.TempDir()}
	m.swap("bad-secret")
	if _, err := secretfile.OpenRevocable(m.path(), parse, "none", discard); err == nil {
		t.Error("an invalid file was opened")
	}
}

func TestByteOrderMarkIsNoContent(t *testing.T) {
	m := &mount{TB: t, dir: t.TempDir()}
	m.swap("\ufeffa-secret")
	file, err := secretfile.Open(m.path(), parse, slog.New(slog.DiscardHandler))
	check(t, err)
	if got := file.Get(); got != "a-secret" {
		t.Errorf("%q", got)
	}
}

func TestOpenFailsForAnUnusableFile(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad")
	check(t, os.WriteFile(bad, []byte("bad-secret"), 0o600))
	for name, path := range map[string]string{"missing": filepath.Join(dir, "none"), "bad": bad, "a directory": dir} {
		_, err := secretfile.Open(path, parse, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "-secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
