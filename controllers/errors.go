package controllers

import (
	"errors"
	"fmt"
	"time"
)

// Reconcile ends in one of four ways: no error (what is declared is in force), a stalledError, a waitingError, or any
// other error (something unforeseen, tried again with backoff). conclude makes conditions and a requeue of it.

// stalledError says that nothing but a person can help.
type stalledError struct {
	reason  string
	recheck time.Duration // look again after this, since the person may act out of our sight; zero: something will wake us
	err     error
}

func (e *stalledError) Error() string { return e.err.Error() }
func (e *stalledError) Unwrap() error { return e.err }

// stalled makes one that something wakes us from.
func stalled(reason, format string, arguments ...any) error {
	return &stalledError{reason: reason, err: fmt.Errorf(format, arguments...)}
}

// waitingError says that what is declared cannot come into force yet, for a reason that is expected to go away.
type waitingError struct {
	reason string
	after  time.Duration // look again after this; zero: something will wake us
	shown  shown
	change bool // a declared change is on its way, although the object was observed
	err    error
}

// shown says when conditions tell of a wait.
type shown int

const (
	always        shown = iota
	unlessInForce       // it may be over before anybody has to know, and what is declared is in force meanwhile
	never               // it is over in a moment
)

func (e *waitingError) Error() string { return e.err.Error() }
func (e *waitingError) Unwrap() error { return e.err }

// waiting makes one that something wakes us from.
func waiting(reason, format string, arguments ...any) error {
	return &waitingError{reason: reason, err: fmt.Errorf(format, arguments...)}
}

// asStalled and asWaiting find their kind of error in a chain; nil: it is of another kind.
func asStalled(err error) *stalledError {
	var found *stalledError
	errors.As(err, &found)
	return found
}

func asWaiting(err error) *waitingError {
	var found *waitingError
	errors.As(err, &found)
	return found
}
