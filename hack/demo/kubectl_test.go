package main

import "testing"

func TestShellWords(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"plain words stay as they are", []string{"get", "rcamp,rpol,adb", "-n", "growth"}, "get rcamp,rpol,adb -n growth"},
		{"what a shell would take apart is quoted", []string{"a b", "uri=postgres://x?y=z"}, "'a b' 'uri=postgres://x?y=z'"},
		{"a quote is taken out of the quotes", []string{"it's"}, `'it'\''s'`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := shellWords(test.args); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
