package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// errEndedConnection reports that a failure which the batch caused ended the connection, as reading too
// much does, so that nothing of the batch remains.
var errEndedConnection = errors.New("the connection ended")

// causedByBatch reports whether the data, size or duration of a batch made it fail.
func causedByBatch(err error) bool { return postgres.FaultOf(err) == postgres.FaultBatch }

// attempt runs do in a savepoint. After a failure that is contained, nothing of it remains and the
// batch goes on, unless the failure is errEndedConnection.
func (b *batch) attempt(ctx context.Context, contained func(error) bool, do func(context.Context) error) (failure, err error) {
	outer, held := b.tx, b.bytes
	savepoint, err := outer.Begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("while setting a savepoint: %w", err)
	}
	b.tx = savepoint
	failure = Contain(func() error { return do(ctx) })
	b.tx = outer
	switch {
	case failure == nil:
		return nil, savepoint.Commit(ctx)
	case !contained(failure) || errors.Is(failure, errMemoryInUse):
		return nil, failure
	}
	if err := savepoint.Rollback(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", errEndedConnection, failure)
	}
	b.bytes = held // what was too much is not read again
	return failure, nil
}
