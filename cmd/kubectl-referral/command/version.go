package command

import (
	"cmp"
	"runtime/debug"
)

// The linker sets these, see the Makefile.
var (
	release string
	commit  string
)

// version is the release; of another build the commit; "unknown" if neither is known.
func version() string {
	built := ""
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "(devel)" {
		built = info.Main.Version
	}
	return cmp.Or(release, commit, built, "unknown")
}
