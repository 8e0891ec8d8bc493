package view

import (
	"os/exec"
	"slices"
	"testing"
)

func TestQuotedTextIsOneWordOfAShell(t *testing.T) {
	for _, text := range []string{"123/bob", "o'brien", `back\slash`, "bob\u00a0x", "\x1b[31m'red'\\", "\xff\xfe", "größe", "two  blanks", "$HOME `id`"} {
		word, err := exec.Command("bash", "-c", "printf %s "+quoted(text)).Output()
		if err != nil {
			t.Fatal(err)
		}
		if string(word) != text {
			t.Errorf("%q is quoted as %s, which is %q", text, quoted(text), word)
		}
		if line := quoted(text); line != clean(line) {
			t.Errorf("a terminal could act on %q", line)
		}
	}
}

func TestLinesKeepIDsApart(t *testing.T) {
	for text, want := range map[string]string{
		"invited by al  ice":         "invited by al  ice",
		"invited by al\u00a0ice":     `invited by al\u00a0ice`,
		"while reading:\n\t\tno row": "while reading: no row",
		"  around  ":                 "around",
		"":                           "",
	} {
		if line := OneLine(text); line != want {
			t.Errorf("%q is %q on one line", text, line)
		}
		if lines := wrap(text, Width); want != "" && !slices.Equal(lines, []string{want}) {
			t.Errorf("%q is wrapped as %q", text, lines)
		}
	}
	if lines := wrap("one two  three", 8); !slices.Equal(lines, []string{"one two", "three"}) {
		t.Errorf("wrapped: %q", lines)
	}
}
