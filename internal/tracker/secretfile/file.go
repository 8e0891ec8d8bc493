package secretfile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/referral-operator/referral-operator/internal/jitter"
)

const (
	interval = 5 * time.Second
	largest  = 1 << 20 // bytes; the most that a Secret holds
)

// File is a file that was parsed, and is parsed again when it changes.
type File[T any] struct {
	path  string
	parse func([]byte) (T, error)
	log   *slog.Logger

	value   atomic.Pointer[T]
	revoked *T // the value while the file is missing or empty; nil: the last valid one

	mu     sync.Mutex // one Refresh at a time
	digest [sha256.Size]byte
	last   string // the last logged error; empty: the file is usable
}

// Open reads a file, and fails if it cannot be read or parsed. Later, while Run runs, an unusable
// file leaves the last good value in force.
//
// Errors of parse are logged: they must contain nothing of the file.
func Open[T any](path string, parse func([]byte) (T, error), log *slog.Logger) (*File[T], error) {
	f := &File[T]{path: path, parse: parse, log: log}
	if _, err := f.look(); err != nil {
		return nil, err
	}
	return f, nil
}

// OpenRevocable opens a file as Open does, but the value revoked is in force while the file has
// nothing but blank lines and lines that begin with #, also when it is opened, and while Run finds
// it missing. A file that is missing when it is opened is an error: its path may be wrong.
func OpenRevocable[T any](path string, parse func([]byte) (T, error), revoked T, log *slog.Logger) (*File[T], error) {
	f := &File[T]{path: path, parse: parse, log: log, revoked: &revoked}
	_, err := f.look()
	switch {
	case errors.Is(err, errEmpty):
		f.report(err)
	case err != nil:
		return nil, err
	}
	return f, nil
}

// Get returns the value in force.
func (f *File[T]) Get() T { return *f.value.Load() }

// Run reads the file again every few seconds until ctx ends, and returns nil.
func (f *File[T]) Run(ctx context.Context) error {
	for {
		timer := time.NewTimer(jitter.Spread(interval))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
			f.Refresh()
		}
	}
}

// Refresh reads the file now, and logs a change. Run calls it.
func (f *File[T]) Refresh() {
	f.mu.Lock()
	defer f.mu.Unlock()
	changed, err := f.look()
	switch {
	case err != nil:
		f.report(err)
	case changed, f.last != "":
		f.last = ""
		f.log.Info("Read a changed file", "path", f.path)
	}
}

// report logs an error of look, once until another follows.
func (f *File[T]) report(err error) {
	switch {
	case err.Error() == f.last:
		return
	case errors.Is(err, errEmpty), errors.Is(err, errMissing):
		f.log.Warn("A file is missing or empty: none of its values is valid any more", "path", f.path)
	default:
		f.log.Error("Keeping the last usable content of a file", "error", err.Error())
	}
	f.last = err.Error()
}

// Errors of a revocable file, whose revoked value is in force then.
var (
	errEmpty   = errors.New("the file is empty")
	errMissing = errors.New("the file is missing")
)

// look reads the file, and parses it if its content has changed.
func (f *File[T]) look() (changed bool, err error) {
	content, err := read(f.path)
	switch {
	case f.revoked != nil && errors.Is(err, os.ErrNotExist):
		f.revoke()
		return false, fmt.Errorf("%w: %w", errMissing, err)
	case err != nil:
		return false, err
	case f.revoked != nil && empty(content):
		f.revoke()
		return false, errEmpty
	}
	digest := sha256.Sum256(content)
	if f.value.Load() != nil && digest == f.digest {
		return false, nil
	}
	value, err := f.parse(content)
	if err != nil {
		return false, fmt.Errorf("while reading %s: %w", f.path, err)
	}
	f.digest = digest
	f.value.Store(&value)
	return true, nil
}

func (f *File[T]) revoke() {
	f.digest = [sha256.Size]byte{} // so that the same content is parsed when it returns
	f.value.Store(f.revoked)
}

// empty reports whether a file has nothing but blank lines and comments.
func empty(content []byte) bool {
	for line := range bytes.Lines(content) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}

// byteOrderMark begins the files of some editors on Windows. It is not part of their content.
const byteOrderMark = "\ufeff"

func read(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err // names path and cause
	}
	defer file.Close() //nolint:errcheck // it was only read
	content, err := io.ReadAll(io.LimitReader(file, largest+1))
	switch {
	case err != nil:
		return nil, err
	case len(content) > largest:
		return nil, fmt.Errorf("while reading %s: %w", path, errors.New("it is larger than a MiB: name a file of keys, tokens or certificates"))
	}
	return bytes.TrimPrefix(content, []byte(byteOrderMark)), nil
}
