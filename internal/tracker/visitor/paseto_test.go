package visitor_test

import (
	"slices"
	"testing"
	"time"

	"aidanwoods.dev/go-paseto"
	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

const ours = "referral-operator.io/visitor" // the purpose of tokens

// sealOld seals a token as earlier versions did, with newKey.
func sealOld(t testing.TB, purpose string, content map[string]any) string {
	t.Helper()
	key, err := paseto.V4SymmetricKeyFromHex(newKey)
	if err != nil {
		t.Fatal(err)
	}
	token, err := paseto.MakeToken(map[string]any{"visitor": content}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return token.V4Encrypt(key, []byte(purpose))
}

// oldContent is the content of a token of earlier versions.
func oldContent(token visitor.Token) map[string]any {
	touches := []any{}
	for _, touch := range token.Touches() {
		touches = append(touches, map[string]any{"i": touch.ID, "c": touch.Code, "t": touch.At.UnixMicro()})
	}
	return map[string]any{"v": token.VisitorID, "e": noon.Add(window).Unix(), "t": touches}
}

func TestTokenOfAnEarlierVersionOpensForItsLifetime(t *testing.T) {
	k := keys(t, oldKey, newKey)
	for name, token := range map[string]visitor.Token{
		"without a touch": visitor.New(),
		"with one":        visitor.New().Touched(visitor.NewTouch("ann", noon.Add(1234567*time.Nanosecond)), window),
		"with two":        visitor.New().Touched(touch("a", 0), window).Touched(touch("b", time.Hour), window),
	} {
		t.Run(name, func(t *testing.T) {
			text := sealOld(t, ours, oldContent(token))
			got, err := k.Open(text, noon.Add(window))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(token, got); diff != "" {
				t.Errorf("token (-sealed +opened):\n%s", diff)
			}
			if _, err := k.Open(text, noon.Add(window+1)); !refusedAs(err, visitor.Outdated) {
				t.Errorf("after its lifetime: %v", err)
			}
		})
	}
}

func TestInvalidTokenOfAnEarlierVersionIsRefused(t *testing.T) {
	k := keys(t, newKey)
	good := sealOld(t, ours, oldContent(visitor.New().Touched(visitor.NewTouch("ann", noon), window)))
	expires := noon.Add(window).Unix()
	for name, test := range map[string]struct {
		text string
		want visitor.Reason
	}{
		"the header alone":           {"v4.local.", visitor.Malformed},
		"another version":            {"v3.local." + good[9:], visitor.Malformed},
		"not base64":                 {"v4.local.*" + good[10:], visitor.Malformed},
		"cut down to the envelope":   {good[:9+85], visitor.Malformed},
		"a footer was added":         {good + ".Zm9v", visitor.Malformed},
		"for another purpose":        {sealOld(t, "session", map[string]any{"v": "v", "e": expires, "t": []string{}}), visitor.Foreign},
		"no visitor":                 {sealOld(t, ours, map[string]any{"e": expires, "t": []string{}}), visitor.Malformed},
		"an empty visitor":           {sealOld(t, ours, map[string]any{"v": "", "e": expires, "t": []string{}}), visitor.Malformed},
		"a visitor that is a number": {sealOld(t, ours, map[string]any{"v": 7, "e": expires, "t": []string{}}), visitor.Malformed},
		"no end":                     {sealOld(t, ours, map[string]any{"v": "v", "t": []string{}}), visitor.Outdated},
		"three touches":              {sealOld(t, ours, map[string]any{"v": "v", "e": expires, "t": []any{nil, nil, nil}}), visitor.Malformed},
		"a touch without a code":     {sealOld(t, ours, map[string]any{"v": "v", "e": expires, "t": []any{map[string]any{"i": "x"}}}), visitor.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			if token, err := k.Open(test.text, noon); !refusedAs(err, test.want) {
				t.Errorf("got %v, %v; want %s", token, err, test.want)
			}
		})
	}
	if _, err := keys(t, oldKey).Open(good, noon); !refusedAs(err, visitor.Foreign) {
		t.Errorf("with other keys: %v", err)
	}
}

func TestTokenOfAnEarlierVersionCannotBeAltered(t *testing.T) {
	k := keys(t, newKey)
	good := sealOld(t, ours, oldContent(visitor.New().Touched(visitor.NewTouch("ann", noon), window)))
	for i := range good {
		altered := []byte(good)
		altered[i] ^= 1
		if token, err := k.Open(string(altered), noon); err == nil {
			t.Fatalf("byte %d: opened as %v", i, token)
		}
	}
}

// A request may have thousands of cookies, and each one in the form of a token takes time.
func TestFewTokensOfEarlierVersionsAreTriedPerRequest(t *testing.T) {
	k := keys(t, newKey)
	token := visitor.New().Touched(visitor.NewTouch("ann", noon), window)
	old, current := sealOld(t, ours, oldContent(token)), k.Seal(token, noon, window)
	const junk, foreign = "v4.local.AAAA", "r1.AAAA"
	forged := sealOld(t, "session", map[string]any{"v": "v"})
	for name, test := range map[string]struct {
		cookies []string
		refused visitor.Reason // empty: a token is found
	}{
		"an old one after 1,000 junk cookies":      {append(slices.Repeat([]string{junk}, 1000), old), ""},
		"an old one after 7 in its form":           {append(slices.Repeat([]string{forged}, 7), old), ""},
		"an old one after 8 in its form":           {append(slices.Repeat([]string{forged}, 8), old), visitor.Foreign},
		"a current one after 1,000 junk cookies":   {append(slices.Repeat([]string{junk}, 1000), current), ""},
		"an old one after 1,000 of the newer form": {append(slices.Repeat([]string{foreign}, 1000), old), ""},
	} {
		got, err := k.OpenFirst(slices.Values(test.cookies), noon)
		switch {
		case test.refused != "" && !refusedAs(err, test.refused), test.refused == "" && (err != nil || got.VisitorID != token.VisitorID):
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if got, err := k.OpenFirst(slices.Values([]string(nil)), noon); err != nil || got.VisitorID != "" {
		t.Errorf("no cookie: %v, %v", got, err)
	}
}
