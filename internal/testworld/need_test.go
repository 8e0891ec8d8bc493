package testworld

import (
	"runtime"
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/internal/testworld/binaries"
)

// ending records how a test ends.
type ending struct {
	testing.TB
	skipped, failed bool
}

func (e *ending) Helper() {}

func (e *ending) Skip(...any) {
	e.skipped = true
	runtime.Goexit()
}

func (e *ending) Fatalf(string, ...any) {
	e.failed = true
	runtime.Goexit()
}

func TestMissingProgramSkipsATestUnlessAllAreRequired(t *testing.T) {
	missing := &binaries.Program{Name: "a program that does not exist"}
	for value, failed := range map[string]bool{"": false, "1": true} {
		t.Setenv(RequirePrograms, value)
		e := &ending{TB: t}
		ended := make(chan string, 1)
		go func() {
			defer close(ended)
			ended <- Need(e, missing)
		}()
		if path, found := <-ended; found || e.skipped == failed || e.failed != failed {
			t.Errorf("%s=%s: found %q, skipped %v, failed %v", RequirePrograms, value, path, e.skipped, e.failed)
		}
	}
}

// make test ends with a line for each of them.
func TestProgramsForTestsSayWhatIsUnprovenWithoutThem(t *testing.T) {
	if len(binaries.ForTests) == 0 {
		t.Error("there are none")
	}
	for _, program := range binaries.ForTests {
		if program.Unproven == "" || strings.Contains(program.Unproven, "\n") {
			t.Errorf("%s: %q", program.Name, program.Unproven)
		}
	}
}
