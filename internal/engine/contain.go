package engine

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// PanicError is a panic in work for one database. It is an error of that database only: values that
// no check expected must not end the process, which serves other databases too.
type PanicError struct {
	Value any
	Stack []byte // of the goroutine that panicked
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("a fault of the operator ended this work: %v", e.Value)
}

// Contain runs do and returns its error, or a *PanicError if it panics.
func Contain(do func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &PanicError{Value: value, Stack: debug.Stack()}
		}
	}()
	return do()
}

// logPanic returns err. Of a panic it returns only what broke off and the panic's value, and logs
// its stack, which holds addresses and no texts.
func (e *Engine) logPanic(what string, err error) error {
	panicked, ok := errors.AsType[*PanicError](err)
	if !ok {
		return err
	}
	err = postgres.Short(fmt.Errorf("%s: %v", what, panicked.Value))
	e.log.Error("Work has panicked", "error", logged(err), "stack", string(panicked.Stack))
	return err
}
