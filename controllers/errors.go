package controllers

import (
	"fmt"
	"time"
)

// A reconcile ends in one of four ways: without an error (the declared spec is in force), with a
// stalledError, with a waitingError, or with any other error (unforeseen, retried with backoff).
// conclude turns each into conditions and a requeue.

// stalledError is a failure that only a person can cure.
type stalledError struct {
	reason       string
	requeueAfter time.Duration // the person may act where no watch sees it; zero: a watch notices
	err          error
}

func (e *stalledError) Error() string { return e.err.Error() }
func (e *stalledError) Unwrap() error { return e.err }

// stalled returns a stalledError whose cure a watch notices.
func stalled(reason, format string, arguments ...any) error {
	return &stalledError{reason: reason, err: fmt.Errorf(format, arguments...)}
}

// waitingError reports that the declared spec cannot come into force yet, for a reason that is
// expected to pass.
type waitingError struct {
	reason       string
	requeueAfter time.Duration // zero: a watch notices the end of the wait
	shown        visibility
	edit         bool // a declared edit is on its way, although observedGeneration is current
	err          error
}

// visibility is when conditions show a wait.
type visibility int

const (
	always        visibility = iota
	unlessInForce            // a short wait: hidden while the declared spec is in force
	unlessSettled            // an outage: hidden also while the declared spec is being rolled out, or is stalled
	unlessReady              // a short wait: hidden while an earlier spec is in force, too
	never                    // over in a moment
)

func (e *waitingError) Error() string { return e.err.Error() }
func (e *waitingError) Unwrap() error { return e.err }

// waiting returns a waitingError that always shows and whose end a watch notices.
func waiting(reason, format string, arguments ...any) error {
	return &waitingError{reason: reason, err: fmt.Errorf(format, arguments...)}
}
