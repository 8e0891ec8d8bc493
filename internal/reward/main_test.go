package reward

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// TestMain keeps rapid from writing failures into the tree: the seed that a failing property prints
// is enough. -rapid.nofailfile=false turns this off.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.nofailfile", "true"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
