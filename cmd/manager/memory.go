package main

import (
	"context"
	"math"
	"os"
	"runtime/debug"
	"time"
)

const (
	// memoryGoal is the soft limit of the process's Go memory without databases, and
	// memoryPerDatabase what each adds to it.
	memoryGoal        = 44 << 20
	memoryPerDatabase = 160 << 10

	// garbagePercent lets the heap grow up to the limit: batches leave much garbage and keep
	// little.
	garbagePercent = 400

	// memoryInterval is how often the goal follows the number of databases.
	memoryInterval = time.Second
)

// limitMemory sets the limits for no database, unless GOMEMLIMIT or GOGC is set.
func limitMemory() {
	setMemoryGoal(0)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
}

// followMemory raises and lowers the memory goal with the number of databases until ctx ends: a
// goal below what idle databases keep would have the garbage collector run all the time.
func followMemory(ctx context.Context, databases func() int) {
	tick := time.NewTicker(memoryInterval)
	defer tick.Stop()
	last := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if count := databases(); count != last {
			last = count
			setMemoryGoal(count)
		}
	}
}

func setMemoryGoal(databases int) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(min(memoryGoal+databases*memoryPerDatabase, math.MaxInt32)))
	}
}
