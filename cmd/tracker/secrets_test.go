package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
)

// Links work while no API token is valid: a replica that starts after the tokens were revoked must
// not fail.
func TestTrackerStartsWithAnEmptiedFileOfTokens(t *testing.T) {
	for name, content := range map[string]string{
		"empty": "", "a comment": "# revoked\n", "a byte-order mark": "\ufeff", "a byte-order mark and a token": "\ufeffshop: 0123456789abcdef\n",
	} {
		path := filepath.Join(t.TempDir(), "tokens")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		secrets, err := readSecrets(options{tokensFile: path}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, valid := secrets.tokens().Name("0123456789abcdef"); valid != (name == "a byte-order mark and a token") {
			t.Errorf("%s: the token is valid: %v", name, valid)
		}
	}
}
