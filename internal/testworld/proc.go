package testworld

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// childrenOf lists the processes that a process has started. Where there is no /proc the answer is
// empty, and Postgres' backends end by themselves.
func childrenOf(parent int) []int {
	entries, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well formed
	var children []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(entry)))
		if err != nil {
			continue
		}
		if _, itsParent, ok := procStat(pid); ok && itsParent == parent {
			children = append(children, pid)
		}
	}
	return children
}

// awaitEnd waits until a process that was killed has given back what it held.
func awaitEnd(pid int) error {
	const patience, pause = 10 * time.Second, 5 * time.Millisecond
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(pause) {
		const zombie = "Z"
		if state, _, ok := procStat(pid); !ok || state == zombie {
			return nil
		}
	}
	return fmt.Errorf("process %d did not end within %s of SIGKILL", pid, patience)
}

// procStat reads a process's state and parent; ok is false if there is none.
func procStat(pid int) (state string, parent int, ok bool) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0, false
	}
	// The name, in parentheses, may contain anything but comes before the rest.
	rest := string(content[strings.LastIndexByte(string(content), ')')+1:])
	fields := strings.Fields(rest)
	if len(fields) < 2 {
		return "", 0, false
	}
	parent, err = strconv.Atoi(fields[1])
	return fields[0], parent, err == nil
}
