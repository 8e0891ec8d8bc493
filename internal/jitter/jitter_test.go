package jitter_test

import (
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/jitter"
)

func TestSpreadStaysWithinATenth(t *testing.T) {
	for _, interval := range []time.Duration{1, 10, time.Second, time.Hour} {
		for range 1000 {
			if got := jitter.Spread(interval); got < interval-interval/10 || got > interval+interval/10+1 {
				t.Fatalf("%s became %s", interval, got)
			}
		}
	}
}

func TestSpreadChangesAnIntervalBothWays(t *testing.T) {
	for _, interval := range []time.Duration{10, time.Second, time.Hour} {
		drawn := map[time.Duration]bool{}
		var below, above int
		for range 1000 {
			got := jitter.Spread(interval)
			drawn[got] = true
			if got < interval {
				below++
			}
			if got > interval {
				above++
			}
		}
		// Of interval 10, a third of the draws is 9 and a third is 11.
		if below < 100 || above < 100 || len(drawn) < 3 {
			t.Errorf("%s: of 1000 draws %d are below and %d above, %d different ones", interval, below, above, len(drawn))
		}
	}
}

func TestSpreadOfNoIntervalIsZero(t *testing.T) {
	for _, interval := range []time.Duration{0, -time.Second} {
		if got := jitter.Spread(interval); got != 0 {
			t.Errorf("%s became %s", interval, got)
		}
	}
}
