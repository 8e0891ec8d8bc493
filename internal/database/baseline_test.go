package database_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// pinned lists each migration with its hash, as sha256sum writes it in the directory migrations.
const pinned = "testdata/migrations.sha256"

// A database that has run a migration never runs it again. So an edit of the file would make new
// databases differ from existing ones.
func TestMigrationsAreOnlyAdded(t *testing.T) {
	present := map[string]string{}
	files, err := filepath.Glob("migrations/*.sql")
	testworld.Must(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		testworld.Must(t, err)
		hash := sha256.Sum256(text)
		present[filepath.Base(file)] = hex.EncodeToString(hash[:])
	}

	list, err := os.Open(pinned)
	testworld.Must(t, err)
	defer func() { _ = list.Close() }()
	for lines := bufio.NewScanner(list); lines.Scan(); {
		hash, name, _ := strings.Cut(lines.Text(), "  ")
		switch present[name] {
		case hash:
		case "":
			t.Errorf("migrations/%s is gone: a migration is never removed or renamed", name)
		default:
			t.Errorf("migrations/%s has changed: undo the edit and write it as migrations/%05d_….sql "+
				"(the newest one may be edited until it is released: then replace its line in %s)", name, len(files)+1, pinned)
		}
		delete(present, name)
	}
	for name, hash := range present {
		t.Errorf("migrations/%s is not pinned yet: add the line %q to %s", name, hash+"  "+name, pinned)
	}
}
