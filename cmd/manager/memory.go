package main

import (
	"os"
	"runtime/debug"
)

const (
	// memoryGoal is the soft limit of the Go heap.
	memoryGoal = 44 << 20

	// garbagePercent lets the heap grow up to the limit: batches leave much garbage and keep
	// little.
	garbagePercent = 400
)

// limitMemory sets both, unless GOMEMLIMIT or GOGC is set.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryGoal)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
}
