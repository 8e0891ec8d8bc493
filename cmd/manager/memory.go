package main

import (
	"os"
	"runtime/debug"
)

const (
	// memoryGoal is what the Go heap is kept at, as long as what is alive allows.
	memoryGoal = 44 << 20

	// garbagePercent lets it get there: batches leave much garbage and keep little.
	garbagePercent = 400
)

// limitMemory sets the goal, unless GOMEMLIMIT or GOGC say otherwise.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryGoal)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
}
