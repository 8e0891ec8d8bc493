package controllers

import "testing"

func TestMessagesCountAndListInWords(t *testing.T) {
	for got, want := range map[string]string{
		plural(1, "pair is", "pairs are"):                           "1 pair is",
		plural(0, "pair is", "pairs are"):                           "0 pairs are",
		firstFew([]string{"a", "b", "c", "d", "e"}):                 "a, b, c, d, e",
		firstFew([]string{"a", "b", "c", "d", "e", "f", "g"}):       "a, b, c, d, e and 2 more",
		withWarnings("in force", nil):                               "in force",
		withWarnings("in force", []string{"a", "b", "c"}):           "in force; warning: a; b; c",
		withWarnings("in force", []string{"a", "b", "c", "d", "e"}): "in force; warning: a; b; c; and 2 more",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
