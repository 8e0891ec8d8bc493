package secretfile

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	interval = 5 * time.Second
	largest  = 1 << 20 // bytes; as much as a Secret holds
)

// File is a file that was parsed, and is parsed again when it changes.
type File[T any] struct {
	path  string
	parse func([]byte) (T, error)
	log   *slog.Logger

	value atomic.Pointer[T]

	mu     sync.Mutex // one look at a time
	digest [sha256.Size]byte
	last   string // what was logged last; empty: all is well
}

// Watch opens a file and follows it until ctx ends.
func Watch[T any](ctx context.Context, path string, parse func([]byte) (T, error), log *slog.Logger) (*File[T], error) {
	f, err := Open(path, parse, log)
	if err != nil {
		return nil, err
	}
	go f.follow(ctx)
	return f, nil
}

// Open reads a file. It fails when the file cannot be used now; later on, a file
// that turns bad leaves the last good value in force.
//
// Errors of parse are logged: they must have nothing of the content in them.
func Open[T any](path string, parse func([]byte) (T, error), log *slog.Logger) (*File[T], error) {
	f := &File[T]{path: path, parse: parse, log: log}
	if _, err := f.look(); err != nil {
		return nil, err
	}
	return f, nil
}

// Get is what the file says.
func (f *File[T]) Get() T { return *f.value.Load() }

func (f *File[T]) follow(ctx context.Context) {
	for {
		timer := time.NewTimer(interval*3/4 + rand.N(interval/2))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
			f.Refresh()
		}
	}
}

// Refresh looks at the file now, and tells in the log what has changed. Watch
// does so by itself.
func (f *File[T]) Refresh() {
	f.mu.Lock()
	defer f.mu.Unlock()
	changed, err := f.look()
	switch {
	case err != nil && err.Error() != f.last:
		f.last = err.Error()
		f.log.Error("Keeping what the file said before", "error", f.last)
	case err != nil:
	case changed, f.last != "":
		f.last = ""
		f.log.Info("Read the file anew", "path", f.path)
	}
}

// look reads the file, and parses it if it is not what was parsed last.
func (f *File[T]) look() (changed bool, err error) {
	content, err := read(f.path)
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

func read(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err // names path and cause
	}
	defer file.Close() //nolint:errcheck // what was read is read
	content, err := io.ReadAll(io.LimitReader(file, largest+1))
	switch {
	case err != nil:
		return nil, err
	case len(content) > largest:
		return nil, fmt.Errorf("while reading %s: %w", path, errors.New("it is larger than a MiB: name a file of keys or tokens"))
	}
	return content, nil
}
