package hosting

import (
	"fmt"
	"slices"
	"testing"
)

func TestTurnsKeepNothingOfNamespacesWithoutJobs(t *testing.T) {
	turns := newTurns()
	for n := range 1000 {
		namespace := fmt.Sprint("preview-", n)
		turns.start(namespace)
		turns.end(namespace, slices.Values([]string{}))
	}
	if len(turns.last) > 0 {
		t.Errorf("they keep %d namespaces", len(turns.last))
	}
}

// A namespace whose jobs come one by one would be forgotten after each. Its next job would then
// start before the job of another namespace that was already waiting.
func TestTurnsKeepTheOrderOfNamespacesWhileJobsWait(t *testing.T) {
	turns := newTurns()
	turns.start("waiting")
	turns.start("eager")
	turns.end("eager", slices.Values([]string{"waiting", "waiting"}))
	if turns.compare("waiting", "eager") >= 0 {
		t.Errorf("the order is lost: %v", turns.last)
	}
	turns.end("waiting", slices.Values([]string{"waiting"}))
	if turns.compare("waiting", "eager") >= 0 {
		t.Errorf("the order is lost at the end: %v", turns.last)
	}
}
