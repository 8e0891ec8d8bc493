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
	signup := &facts.Signup{UserID: "u", Attributes: long}
	purchase := &facts.Purchase{UserID: "u", PurchaseID: "p", Amount: 1, Currency: "USD", Attributes: long}
	_, err := w.store.SignUp(t.Context(), signup)
	testworld.Must(t, err)
	_, err = w.store.Purchase(t.Context(), purchase)
	testworld.Must(t, err)
	for name, read := range map[string]func() (facts.Attributes, error){
		"signup": func() (facts.Attributes, error) {
			stored, err := w.store.WholeSignup(t.Context(), signup)
			return stored.Attributes, err
		},
		"purchase": func() (facts.Attributes, error) {
			stored, err := w.store.WholePurchase(t.Context(), purchase)
			return stored.Attributes, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			if all, err := read(); err != nil || len(all) != len(long) {
				t.Errorf("unchanged: %d bytes, %v", len(all), err)
			}
			_, err := w.operator.Exec(t.Context(), "UPDATE referral."+name+" SET attributes = jsonb_build_object('x', repeat('x', 3000000))")
			testworld.Must(t, err)
			if all, err := read(); all != nil || !slices.Equal(differing(t, err), []string{"attributes"}) {
				t.Errorf("with 3 MB: %d bytes, %v", len(all), err)
			}
			_, err = w.operator.Exec(t.Context(), "DELETE FROM referral."+name)
			testworld.Must(t, err)
			if _, err := read(); !errors.Is(err, facts.ErrVanished) {
				t.Errorf("deleted: %v", err)
			}
		})
	}
}
