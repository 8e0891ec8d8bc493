package model

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestHistories(t *testing.T) {
	s := newShop(t)
	rapid.Check(t, s.check)
}

// check plays one random history.
func (s *shop) check(t *rapid.T) {
	history := drawHistory(t)
	defer func() {
		if t.Failed() {
			t.Logf("as a test:\n\n%s", asTest(history))
		}
	}()
	s.play(t, history)
}

// asTest writes a history as a test ready to paste.
func asTest(history []operation) string {
	var b strings.Builder
	b.WriteString("func TestFound(t *testing.T) {\n\tnewShop(t).play(t, []operation{\n")
	for _, o := range history {
		fmt.Fprintf(&b, "\t\t%s,\n", strings.ReplaceAll(fmt.Sprintf("%#v", o), "model.", ""))
	}
	b.WriteString("\t})\n}\n")
	return b.String()
}
