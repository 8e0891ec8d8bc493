package api_test

import (
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// A small batch may name facts that are stored with large attributes.
func TestMemoryOfABatchIsBoundedWhateverIsStored(t *testing.T) {
	w := newWorld(t)
	const facts = 1000
	_, err := w.operator.Exec(t.Context(), `INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, attributes)
		SELECT 'u', n::text, 1, 'USD', jsonb_build_object('a', repeat('x', 65000)) FROM generate_series(1, $1) AS n`, facts)
	testworld.Must(t, err)
	given := make([]string, facts)
	for i := range given {
		amount := 1
		if i == 500 {
			amount = 2
		}
		given[i] = fmt.Sprintf(`{"kind": "purchase", "user_id": "u", "purchase_id": "%d", "amount": %d, "currency": "USD"}`, i+1, amount)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	runtime.GC()
	before, peak := heap(), uint64(0)
	answered := make(chan struct{})
	sampled := make(chan struct{})
	go func() {
		defer close(sampled)
		for {
			select {
			case <-answered:
				return
			case <-time.After(5 * time.Millisecond):
				peak = max(peak, heap())
			}
		}
	}()
	got := w.post("/v1/batch", `{"facts": [`+strings.Join(given, ",")+`]}`, http.StatusConflict)
	close(answered)
	<-sampled
	if !strings.Contains(got.body, "body.facts[500].amount") {
		t.Errorf("%.300s", got.body)
	}
	if more := int64(peak) - int64(before); more > 24<<20 {
		t.Errorf("the batch took %d MiB", more>>20)
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
