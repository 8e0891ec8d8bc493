package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// spent is processor time, which a busy machine stretches less than the clock.
type spent struct{ server, here time.Duration }

func (s spent) since(before spent) spent {
	return spent{server: s.server - before.server, here: s.here - before.here}
}

// seconds is the processor time of both.
func (s spent) seconds() float64 { return (s.server + s.here).Seconds() }

func (s spent) String() string {
	return fmt.Sprintf("%.2fs of the server's processor time, %.2fs of this process's", s.server.Seconds(), s.here.Seconds())
}

// processorTime is what the server, with all its processes, and this process have used so far. Zero
// where there is no /proc.
func (w *world) processorTime() spent {
	var s spent
	postmaster := w.postgres.Process().Pid()
	own, _, reaped := processorTimeOf(postmaster)
	s.server = own + reaped
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			if own, parent, reaped := processorTimeOf(pid); parent == postmaster {
				s.server += own + reaped
			}
		}
	}
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) == nil {
		s.here = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	return s
}

// processorTimeOf reads a process's own time, its parent, and the time of its children that have
// ended; see proc_pid_stat(5).
func processorTimeOf(pid int) (own time.Duration, parent int, reaped time.Duration) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, 0 // it has ended
	}
	// The name, in parentheses, may hold anything.
	_, after, _ := strings.Cut(string(content[strings.LastIndexByte(string(content), ')'):]), " ")
	fields := strings.Fields(after) // from the third on
	number := func(field int) int {
		n, _ := strconv.Atoi(fields[field-3])
		return n
	}
	own = ticks(number(14) + number(15))
	if exact, err := schedulerTimeOf(pid); err == nil && number(20) == 1 {
		own = exact
	}
	return own, number(4), ticks(number(16) + number(17))
}

// schedulerTimeOf is the time of a process of one thread in nanoseconds, where the kernel keeps it.
func schedulerTimeOf(pid int) (time.Duration, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(content), " ")
	ns, err := strconv.ParseInt(first, 10, 64)
	return time.Duration(ns), err
}

// ticks turns clock ticks, of which Linux has a hundred a second, into time.
func ticks(count int) time.Duration { return time.Duration(count) * time.Second / 100 }
