package main

import (
	"os"
	"runtime/debug"
)

// memoryGoal is what the Go heap is kept at, as long as what is alive allows.
const memoryGoal = 40 << 20

// limitMemory sets the goal, unless GOMEMLIMIT says otherwise.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryGoal)
	}
}
