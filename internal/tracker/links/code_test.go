package links_test

import (
	"math"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/referral-operator/referral-operator/internal/tracker/links"
)

func TestCodesCannotBeGuessed(t *testing.T) {
	const alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
	count := map[rune]int{}
	seen := map[string]bool{}
	const draws = 20_000
	for range draws {
		code := links.NewCode()
		if bits := float64(len(code)) * math.Log2(float64(len(alphabet))); bits < 60 {
			t.Fatalf("%q has %.0f bits", code, bits)
		}
		if seen[code] || links.Trim(code) != code || !links.Valid(code) || links.CheckVanity(code) != nil {
			t.Fatalf("drew %q", code)
		}
		seen[code] = true
		for _, c := range code {
			count[c]++
		}
	}
	expected := float64(draws*len(links.NewCode())) / float64(len(alphabet))
	for _, c := range alphabet {
		// Eight standard deviations: chance alone never gets there.
		if off := math.Abs(float64(count[c]) - expected); off > 8*math.Sqrt(expected) {
			t.Errorf("%c was drawn %d times of %.0f", c, count[c], expected)
		}
		delete(count, c)
	}
	if len(count) > 0 {
		t.Errorf("letters from elsewhere: %v", count)
	}
}

func TestOnlyASCIIWhiteSpaceIsTrimmed(t *testing.T) {
	for _, test := range [][2]string{
		{"abc", "abc"}, {" AbC\t\n\v\f\r", "AbC"}, {"a b", "a b"}, {"\u00a0abc\u2003", "\u00a0abc\u2003"}, {" \t", ""}, {"", ""},
	} {
		if got := links.Trim(test[0]); got != test[1] {
			t.Errorf("%q is trimmed to %q, want %q", test[0], got, test[1])
		}
	}
}

func TestSQLMayChooseAnyCodeThatFitsIntoACookie(t *testing.T) {
	for code, want := range map[string]bool{
		"123123": true, "a": true, "summer_24": true, "äpfel": true, "ann.b+c~d!": true, strings.Repeat("x", 255): true,
		strings.Repeat("日", 255): true, strings.Repeat("日", 256): false, strings.Repeat("😀", 192): false,
		strings.Repeat("\u0130", 127): true, strings.Repeat("\u0130", 128): false,
		"": false, "a b": true, "a/b": true, "a\x00b": false, "a\u0085b": false, "a\nb": false, "\xff": false, "<b>": true, `a"b`: true, `a\b`: true,
		"a&b": true, strings.Repeat("x", 256): false, "a\u2028b": true,
	} {
		if got := links.Valid(code); got != want {
			t.Errorf("%q: %v", code, got)
		}
	}
}

func TestVanityCodesAreReadable(t *testing.T) {
	for code, refused := range map[string]string{
		"ann": "", "summer-24": "", "a_b": "", "123": "", strings.Repeat("x", 64): "",
		"": "3 to 64", "ab": "3 to 64", strings.Repeat("x", 65): "3 to 64",
		"Ann": "", "SUMMER": "", "ann b": "letters a to z", "-ann": "begin and end", "ann_": "begin and end", "änn": "letters a to z",
		"ann/b": "letters a to z", "ann\n": "letters a to z", "\u212aelvin": "letters a to z",
		"docs": "reserved", "healthz": "reserved", "Referral": "reserved", "API": "reserved",
	} {
		err := links.CheckVanity(code)
		if (err == nil) != (refused == "") || err != nil && !strings.Contains(err.Error(), refused) {
			t.Errorf("%q: %v, want %q", code, err, refused)
		}
	}
}

func FuzzCode(f *testing.F) {
	for _, seed := range []string{"abc", " ABC ", "\xff", "İstanbul", "a\x00b", strings.Repeat("Ä", 200)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		code := links.Trim(text)
		if again := links.Trim(code); again != code {
			t.Errorf("%q becomes %q, and that %q", text, code, again)
		}
		if links.Valid(code) && (utf8.RuneCountInString(code) > 255 || len(code) > 765 || strings.ContainsFunc(code, unicode.IsControl)) {
			t.Errorf("%q is valid", code)
		}
		if links.CheckVanity(code) == nil && !links.Valid(code) {
			t.Errorf("%q may be chosen, and is never found", code)
		}
	})
}
