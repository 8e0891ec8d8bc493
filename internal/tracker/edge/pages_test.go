package edge

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzPages(f *testing.F) {
	for _, seed := range []string{
		"https://shop.example/item?r=ann&utm_source=x&session=s#top", "http://a@b/?%75tm_x=1&amp;r=2", "javascript:alert(1)", "//x/?utm_=&&=",
	} {
		f.Add(seed)
	}
	p := newPages("r", "utm_*")
	f.Fuzz(func(t *testing.T, text string) {
		got := p.reduce(text)
		switch {
		case got == "":
		case len(got) > longestPage, !strings.HasPrefix(got, "http://") && !strings.HasPrefix(got, "https://"):
			t.Errorf("%q is stored as %q", text, got)
		case utf8.ValidString(text) && !utf8.ValidString(got):
			t.Errorf("%q is cut within a character: %q", text, got)
		case strings.Contains(got, "#"):
			t.Errorf("%q keeps its fragment: %q", text, got)
		}
		if again := p.reduce(got); len(got) < longestPage && again != got {
			t.Errorf("%q becomes %q, and that %q", text, got, again)
		}
	})
}
