package main

import (
	"os"
	"runtime/debug"
)

const (
	// memoryGoal is the soft limit of the Go runtime's memory, in bytes.
	memoryGoal = 40 << 20

	// garbagePercent lets the heap grow up to the limit: requests leave much garbage, and little is
	// kept.
	garbagePercent = 400
)

// limitMemory sets the limits, unless GOMEMLIMIT or GOGC is set.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryGoal)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
}
