package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/tracker/api"
)

// A small batch may name facts that are stored with large values, and conflict with all of them.
func TestMemoryOfABatchIsBoundedWhateverIsStored(t *testing.T) {
	const (
		facts     = 1000
		purchases = `INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, attributes)
			SELECT 'u', n::text, 1, 'USD', jsonb_build_object('a', repeat('x', 65000)) FROM generate_series(1, $1) AS n`
		signups = `INSERT INTO referral.signup (user_id, attributes, fingerprints)
			SELECT n::text, jsonb_build_object('a', repeat('x', 65000)), ARRAY(SELECT repeat('😀', 240) || i FROM generate_series(1, 64) AS i)
			  FROM generate_series(1, $1) AS n`
	)
	for name, test := range map[string]struct {
		sql, fact, other string // other is the fact that conflicts
		conflicts        int
	}{
		"one purchase conflicts": {purchases, `{"kind": "purchase", "user_id": "u", "purchase_id": "%d", "amount": 1, "currency": "USD"}`,
			`{"kind": "purchase", "user_id": "u", "purchase_id": "%d", "amount": 2, "currency": "USD"}`, 1},
		"all purchases conflict": {purchases, "",
			`{"kind": "purchase", "user_id": "u", "purchase_id": "%d", "amount": 1, "currency": "USD", "attributes": {"a": 1}}`, facts},
		"all signups conflict": {signups, "", `{"kind": "signup", "user_id": "%d", "attributes": {"a": 1}, "fingerprints": ["f"]}`, facts},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			api.SetPatience(t, 10*time.Minute)
			_, err := w.operator.Exec(t.Context(), test.sql, facts)
			testworld.Must(t, err)
			given := make([]string, facts)
			for i := range given {
				form := test.fact
				if i == 500 || test.conflicts == facts {
					form = test.other
				}
				given[i] = fmt.Sprintf(form, i+1)
			}
			var got answer
			more := testworld.HeapGrowth(func() { got = w.post("/v1/batch", `{"facts": [`+strings.Join(given, ",")+`]}`, http.StatusConflict) })
			if places := got.places(t); test.conflicts == 1 && !slices.Equal(places, []string{"body.facts[500].amount"}) ||
				!strings.HasPrefix(got.problem(t).Detail, fmt.Sprint(test.conflicts, " of the facts ")) {
				t.Errorf("%.300s", got.body)
			}
			if more > 24<<20 {
				t.Errorf("the batch took %d MiB", more>>20)
			}
		})
	}
}
