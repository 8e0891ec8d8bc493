package facts_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/tracker/facts"
)

// The row of a long fact may change between the two statements that compare and read it.
func TestLongFactThatChangesBeforeItIsRead(t *testing.T) {
	w := newWorld(t)
	long := attributes(`{"a": "` + strings.Repeat("x", 60_000) + `"}`)
	signup := &facts.Signup{UserID: "u", Code: new("ABC"), Fingerprints: []string{"f"}, Attributes: long}
	purchase := &facts.Purchase{UserID: "u", PurchaseID: "p", Amount: 1, Currency: "USD", Attributes: long}
	_, err := w.store.SignUp(t.Context(), signup)
	testworld.Must(t, err)
	_, err = w.store.Purchase(t.Context(), purchase)
	testworld.Must(t, err)
	type change struct {
		set     string
		differs []string // the fields that differ after this change and those before
	}
	for name, test := range map[string]struct {
		read    func() (facts.Attributes, error)
		changes []change
	}{
		"signup": {
			func() (facts.Attributes, error) {
				stored, err := w.store.WholeSignup(t.Context(), signup)
				return stored.Attributes, err
			},
			[]change{
				{"attributes = '{}'", []string{"attributes"}},
				{"code = 'OTHER'", []string{"code", "attributes"}},
				{"fingerprints = '{g}'", []string{"code", "fingerprints", "attributes"}},
			},
		},
		"purchase": {
			func() (facts.Attributes, error) {
				stored, err := w.store.WholePurchase(t.Context(), purchase)
				return stored.Attributes, err
			},
			[]change{
				{`attributes = '{"a": "y"}'`, []string{"attributes"}},
				{"amount = 2", []string{"amount", "attributes"}},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			read := test.read
			if all, err := read(); err != nil || len(all) != len(long) {
				t.Errorf("unchanged: %d bytes, %v", len(all), err)
			}
			_, err := w.operator.Exec(t.Context(), "UPDATE referral."+name+" SET attributes = jsonb_build_object('x', repeat('x', 3000000))")
			testworld.Must(t, err)
			if all, err := read(); all != nil || !slices.Equal(differing(t, err), []string{"attributes"}) {
				t.Errorf("with 3 MB: %d bytes, %v", len(all), err)
			}
			for _, change := range test.changes {
				_, err := w.operator.Exec(t.Context(), "UPDATE referral."+name+" SET "+change.set)
				testworld.Must(t, err)
				if _, err := read(); !slices.Equal(differing(t, err), change.differs) {
					t.Errorf("%s: %v", change.set, err)
				}
			}
			_, err = w.operator.Exec(t.Context(), "DELETE FROM referral."+name)
			testworld.Must(t, err)
			if _, err := read(); !errors.Is(err, facts.ErrVanished) {
				t.Errorf("deleted: %v", err)
			}
		})
	}
}
