package main

import (
	"os"
	"runtime/debug"
)

// memoryGoal is the soft limit of the Go runtime's memory, in bytes.
const memoryGoal = 40 << 20

// limitMemory sets the soft limit, unless GOMEMLIMIT is set.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryGoal)
	}
}
