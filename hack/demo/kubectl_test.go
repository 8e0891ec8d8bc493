package main

import "testing"

func TestShellWordsAreQuotedAsTyped(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"plain words stay unquoted", []string{"get", "rcamp,rpol,adb", "-n", "growth"}, "get rcamp,rpol,adb -n growth"},
		{"words that a shell would split or expand are quoted", []string{"a b", "uri=postgres://x?y=z"}, "'a b' 'uri=postgres://x?y=z'"},
		{"a single quote is escaped", []string{"it's"}, `'it'\''s'`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := shellWords(test.args); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
