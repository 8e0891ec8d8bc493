package visitor_test

import (
	"encoding/json"
	"testing"
	"time"

	"aidanwoods.dev/go-paseto"
	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/visitor"
)

// FuzzPASETO holds this package's tokens against those of the usual library:
// each opens what the other seals.
func FuzzPASETO(f *testing.F) {
	const purpose = "referral-operator.io/visitor"
	k := keys(f, newKey)
	key, err := paseto.V4SymmetricKeyFromHex(newKey)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("visitor", "touch", "ann1", int64(0))
	f.Add("v", "t", "äpfel", int64(1_700_000_000_123_456))
	f.Add("0123456789012345678901234567890123456789", "t", "0123456789012345678901234567890123456789", int64(-1))
	f.Fuzz(func(t *testing.T, id, touchID, code string, at int64) {
		for _, text := range []string{id, touchID, code} {
			if text == "" || len(text) > 200 || !json.Valid([]byte(`"`+text+`"`)) {
				t.Skip()
			}
		}
		touch := visitor.Touch{ID: touchID, Code: code, At: time.UnixMicro(at).UTC()}
		token := visitor.Token{VisitorID: id, First: touch, Last: touch}

		theirs, err := paseto.NewParserWithoutExpiryCheck().ParseV4Local(key, k.Seal(token, noon, window), []byte(purpose))
		if err != nil {
			t.Fatalf("the library does not open a token: %v", err)
		}
		if expires, err := theirs.GetExpiration(); err != nil || !expires.Equal(noon.Add(window)) {
			t.Errorf("it expires at %s, %v", expires, err)
		}
		// Theirs is in another order, and otherwise the same claims.
		got, err := k.Open(theirs.V4Encrypt(key, []byte(purpose)), noon)
		if err != nil {
			t.Fatalf("the library's token does not open: %v", err)
		}
		var want visitor.Token
		if want, err = k.Open(k.Seal(token, noon, window), noon); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("token (-ours +theirs):\n%s", diff)
		}
	})
}
