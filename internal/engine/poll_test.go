package engine_test

import (
	"os"
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// A poll that the server compiled would take longer for that than for all it looks up.
func TestPollIsNotCompiled(t *testing.T) {
	s := newShop(t)
	text, err := os.ReadFile("queries/poll.sql")
	testworld.Must(t, err)
	poll := strings.NewReplacer("$1", "'{}'", "$2", "'{}'", "$3", "'{}'", "$4", "'{}'").Replace(string(text))
	s.expect("plans with JIT", "SELECT current_setting('jit')", "on")
	for _, line := range s.rows("EXPLAIN " + poll) {
		if strings.HasPrefix(line, "JIT:") {
			t.Fatalf("the server compiles each poll:\n%s", strings.Join(s.rows("EXPLAIN "+poll), "\n"))
		}
	}
}
