package model

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// playback plays a history and returns its failure; empty: it passes.
func (s *shop) playback(history []operation) (wrong, details string) {
	var listener listener
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if fault := recover(); fault != nil {
				listener.wrong = fmt.Sprint("panic: ", fault)
				listener.log = append(listener.log, string(debug.Stack()))
			}
		}()
		s.play(&listener, history)
	}()
	<-done
	return listener.wrong, strings.Join(listener.log, "\n")
}

// listener is the fataler of a playback: it keeps the failure, which ends the history.
type listener struct {
	wrong string
	log   []string
}

func (l *listener) Helper() {}

func (l *listener) Logf(format string, arguments ...any) {
	l.log = append(l.log, fmt.Sprintf(format, arguments...))
}

func (l *listener) Fatalf(format string, arguments ...any) {
	l.wrong = fmt.Sprintf(format, arguments...)
	runtime.Goexit()
}

const shrinkFor = time.Minute

// shrink removes operations as long as the history still fails: many at once, then fewer, then
// single ones.
func (s *shop) shrink(history []operation, wrong, details string) (shorter []operation, why string) {
	deadline := time.Now().Add(shrinkFor)
	for size := len(history) / 2; size > 0; {
		removed := false
		for from := 0; from < len(history); {
			without := slices.Delete(slices.Clone(history), from, min(from+size, len(history)))
			if time.Now().After(deadline) {
				return history, details
			}
			if again, found := s.playback(without); again == wrong {
				history, details, removed = without, found, true
			} else {
				from += size
			}
		}
		if size > 1 || !removed {
			size /= 2
		}
	}
	return history, details
}
