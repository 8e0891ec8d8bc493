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

func TestSpreadOfNoIntervalIsZero(t *testing.T) {
	for _, interval := range []time.Duration{0, -time.Second} {
		if got := jitter.Spread(interval); got != 0 {
			t.Errorf("%s became %s", interval, got)
		}
	}
}
