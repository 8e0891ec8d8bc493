package binaries

import "testing"

func TestWorkingReturnsOnlyProgramsThatRun(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	program(t, dir, "stub", `echo "install it another way" >&2; exit 1`)
	works := program(t, dir, "works", `test "$1" = --version`)
	for name, test := range map[string]struct {
		places []string
		want   string
	}{
		"the first that runs":            {[]string{"stub", "works"}, works},
		"one that is named by its path":  {[]string{"/nowhere/at/all", works}, works},
		"none where all are stubs":       {[]string{"stub"}, ""},
		"none where nothing is there":    {[]string{"absent"}, ""},
		"none where no place is a place": {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got, ok := working(t.Context(), test.places, "--version"); got != test.want || ok != (test.want != "") {
				t.Errorf("got %q, %v; want %q", got, ok, test.want)
			}
		})
	}
}
