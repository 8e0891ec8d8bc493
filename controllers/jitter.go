package controllers

import (
	"math/rand/v2"
	"time"
)

// jittered spreads an interval by a tenth to either side, so that what began together does not stay together.
func jittered(interval time.Duration) time.Duration {
	if interval <= 0 {
		return 0
	}
	return interval - interval/10 + rand.N(interval/5+1)
}
