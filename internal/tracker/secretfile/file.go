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

// RevokeTo sets the value that is in force while the file is missing or has nothing but blank lines
// and lines that begin with #. Without it, such a file leaves the last valid value in force. Call
// it before Run.
func (f *File[T]) RevokeTo(value T) { f.revoked = &value }

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
	case errors.Is(err, errRevoked):
		if f.last != err.Error() {
			f.last = err.Error()
			f.log.Warn("A file is missing or empty: nothing of its last content is in force", "path", f.path)
		}
	case err != nil && err.Error() != f.last:
		f.last = err.Error()
		f.log.Error("Keeping the last usable content of a file", "error", f.last)
	case err != nil:
	case changed, f.last != "":
		f.last = ""
		f.log.Info("Read a changed file", "path", f.path)
	}
}

// errRevoked is returned while the value of RevokeTo is in force.
var errRevoked = errors.New("the file is missing or empty")

// look reads the file, and parses it if its content has changed.
func (f *File[T]) look() (changed bool, err error) {
	content, err := read(f.path)
	if f.revoked != nil && (errors.Is(err, os.ErrNotExist) || err == nil && empty(content)) {
		f.digest = [sha256.Size]byte{}
		f.value.Store(f.revoked)
		return false, errRevoked
	}
	if err != nil {
		return false, err
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

// empty reports whether a file has nothing but blank lines and comments.
func empty(content []byte) bool {
	for line := range bytes.Lines(content) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}

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
		return nil, fmt.Errorf("while reading %s: %w", path, errors.New("it is larger than a MiB: name a file of keys or tokens"))
	}
	return content, nil
}
