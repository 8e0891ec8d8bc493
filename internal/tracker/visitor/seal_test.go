package visitor_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

const (
	oldKey = "1111111111111111111111111111111111111111111111111111111111111111"
	newKey = "2222222222222222222222222222222222222222222222222222222222222222"
)

func keys(t testing.TB, lines ...string) *visitor.Keys {
	t.Helper()
	keys, err := visitor.ParseKeys([]byte(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestSealedTokenOpens(t *testing.T) {
	k := keys(t, newKey)
	for name, token := range map[string]visitor.Token{
		"without a touch": visitor.New(),
		"with one":        visitor.New().Touched(visitor.NewTouch("ann", noon.Add(1234567*time.Nanosecond)), window),
		"with two":        visitor.New().Touched(touch("a", 0), window).Touched(touch("b", time.Hour), window),
		"longest codes": visitor.New().Touched(visitor.NewTouch(strings.Repeat("x", 255), noon), window).
			Touched(visitor.NewTouch(strings.Repeat("y", 255), noon), window),
	} {
		t.Run(name, func(t *testing.T) {
			text := k.Seal(token, noon, window)
			if !strings.HasPrefix(text, visitor.Prefix) || len(text) > 3900 {
				t.Errorf("%d characters: %s", len(text), text)
			}
			got, err := k.Open(text, noon)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(token, got); diff != "" {
				t.Errorf("token (-sealed +opened):\n%s", diff)
			}
		})
	}
}

func TestTokenIsUnreadableWithoutTheKey(t *testing.T) {
	k := keys(t, newKey)
	token := visitor.New().Touched(visitor.NewTouch("ann", noon), window)
	first, second := k.Seal(token, noon, window), k.Seal(token, noon, window)
	if first == second {
		t.Error("two seals of one token are the same")
	}
	if strings.Contains(first, "ann") || strings.Contains(first, token.VisitorID) {
		t.Errorf("readable: %s", first)
	}
}

// Replicas read a changed file at different moments: in each step some have the file of before.
func TestKeysAreChangedInTwoStepsWithoutLosingVisitors(t *testing.T) {
	keyset, otherKeyset := keysetOf("7", tinkKey7), keysetOf("8", tinkKey8)
	for name, steps := range map[string][][]string{
		"of lines":                {{oldKey}, {oldKey, newKey}, {newKey, oldKey}, {newKey}},
		"of a keyset":             {{keyset}, {keysetOf("7", tinkKey7, tinkKey8)}, {keysetOf("8", tinkKey7, tinkKey8)}, {otherKeyset}},
		"from a line to a keyset": {{oldKey}, {oldKey, keyset}, {keyset, oldKey}, {keyset}},
		"from a keyset to a line": {{keyset}, {keyset, newKey}, {newKey, keyset}, {newKey}},
	} {
		t.Run(name, func(t *testing.T) {
			for i := range steps[:len(steps)-1] {
				one, other := keys(t, steps[i]...), keys(t, steps[i+1]...)
				for j, pair := range [][2]*visitor.Keys{{one, other}, {other, one}, {one, one}, {other, other}} {
					// The old key is removed when its tokens are outdated, so that only these are
					// lost.
					removed := i == len(steps)-2
					_, err := pair[1].Open(pair[0].Seal(visitor.New(), noon, window), noon)
					if err != nil {
						t.Errorf("step %d, mixture %d: %v", i+1, j, err)
					}
					token := keys(t, steps[0]...).Seal(visitor.New(), noon, window)
					if _, err := pair[1].Open(token, noon); (err != nil) != (removed && pair[1] == other) {
						t.Errorf("step %d, mixture %d, a token of before: %v", i+1, j, err)
					}
				}
			}
		})
	}
}

func refusedAs(err error, reason visitor.Reason) bool {
	var refused *visitor.Refused
	return errors.As(err, &refused) && refused.Reason == reason
}

func TestInvalidTokenIsRefused(t *testing.T) {
	k := keys(t, newKey)
	good := k.Seal(visitor.New().Touched(visitor.NewTouch("ann", noon), window), noon, window)
	bare := len(visitor.Prefix) + 44 // base64 of the 33 bytes around a content
	for name, test := range map[string]struct {
		text string
		want visitor.Reason
	}{
		"empty":                    {"", visitor.Malformed},
		"no token at all":          {"hello", visitor.Malformed},
		"a visitor id":             {visitor.New().VisitorID, visitor.Malformed},
		"the prefix alone":         {visitor.Prefix, visitor.Malformed},
		"another version":          {"r9." + good[len(visitor.Prefix):], visitor.Malformed},
		"not base64":               {visitor.Prefix + "*" + good[len(visitor.Prefix)+1:], visitor.Malformed},
		"cut down to the envelope": {good[:bare], visitor.Malformed},
		"64 KiB":                   {good + strings.Repeat("A", 64<<10), visitor.Oversized},
		"a footer was added":       {good + ".Zm9v", visitor.Malformed},
		"of other keys":            {keys(t, oldKey).Seal(visitor.New(), noon, window), visitor.Foreign},
		"an empty visitor":         {k.Seal(visitor.Token{}, noon, window), visitor.Malformed},
		"a code too long": {
			k.Seal(visitor.New().Touched(visitor.NewTouch(strings.Repeat("x", 256), noon), window), noon, window), visitor.Malformed,
		},
		"a touch without a code": {
			k.Seal(visitor.New().Touched(visitor.NewTouch("", noon), window), noon, window), visitor.Malformed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if token, err := k.Open(test.text, noon); !refusedAs(err, test.want) {
				t.Errorf("got %v, %v; want %s", token, err, test.want)
			}
		})
	}
	t.Run("outdated", func(t *testing.T) {
		// A window includes its end. Times of touches have microseconds.
		for _, sealed := range []time.Time{noon, noon.Add(time.Microsecond), noon.Add(900 * time.Millisecond)} {
			text := k.Seal(visitor.New(), sealed, window)
			if _, err := k.Open(text, sealed.Add(window)); err != nil {
				t.Errorf("sealed at %s, at the end of its lifetime: %v", sealed, err)
			}
			if _, err := k.Open(text, sealed.Add(window+2*time.Second)); !refusedAs(err, visitor.Outdated) {
				t.Errorf("sealed at %s, after its lifetime: %v", sealed, err)
			}
		}
	})
	t.Run("any bit is flipped", func(t *testing.T) {
		for i := range good {
			for bit := range 8 {
				altered := []byte(good)
				altered[i] ^= 1 << bit
				if token, err := k.Open(string(altered), noon); err == nil {
					t.Fatalf("byte %d, bit %d: opened as %v", i, bit, token)
				}
			}
		}
	})
	t.Run("cut anywhere", func(t *testing.T) {
		for i := range good {
			if token, err := k.Open(good[:i], noon); err == nil {
				t.Fatalf("after %d: opened as %v", i, token)
			}
		}
	})
}

func FuzzOpen(f *testing.F) {
	k := keys(f, newKey, oldKey)
	good := k.Seal(visitor.New().Touched(visitor.NewTouch("ann", noon), window), noon, window)
	for _, seed := range []string{"", good, good[:40], visitor.Prefix, visitor.Prefix + "AAAA.AAAA", sealOld(f, ours, oldContent(visitor.New())), "v4.local.", "v4.local.AAAA.AAAA", strings.Repeat("v4.local.", 500)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		token, err := k.Open(text, noon)
		var refused *visitor.Refused
		switch {
		case err == nil && (token.VisitorID == "" || len(token.Touches()) > 2):
			t.Errorf("%q opened as %v", text, token)
		case err != nil && !errors.As(err, &refused):
			t.Errorf("%q: %v", text, err)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	k := keys(b, newKey)
	token := visitor.New().Touched(visitor.NewTouch("ann", noon), window)
	for b.Loop() {
		k.Seal(token, noon, window)
	}
}

func BenchmarkOpen(b *testing.B) {
	k := keys(b, newKey)
	text := k.Seal(visitor.New().Touched(visitor.NewTouch("ann", noon), window), noon, window)
	for b.Loop() {
		if _, err := k.Open(text, noon); err != nil {
			b.Fatal(err)
		}
	}
}
