// Package jitter spreads intervals, so that replicas and objects that begin together do not stay in
// step.
package jitter

import (
	"math/rand/v2"
	"time"
)

// Spread returns interval changed by at most a tenth up or down; zero for an interval of zero or
// less.
func Spread(interval time.Duration) time.Duration {
	if interval <= 0 {
		return 0
	}
	return interval - interval/10 + rand.N(interval/5+1)
}
