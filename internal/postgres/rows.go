package postgres

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// ForEachRow scans each row and calls a function, as pgx.ForEachRow does. It fails once all rows
// together have more bytes than a caller may keep of a server that is not trusted.
func ForEachRow(rows pgx.Rows, scans []any, row func() error) error {
	_, err := pgx.ForEachRow(&boundedRows{Rows: rows}, scans, row) //nolint:forbidigo // bounded here
	return err
}

// CollectRows returns all rows, as pgx.CollectRows does, within the limit of ForEachRow.
func CollectRows[T any](rows pgx.Rows, row pgx.RowToFunc[T]) ([]T, error) {
	return pgx.CollectRows(&boundedRows{Rows: rows}, row) //nolint:forbidigo // bounded here
}

// boundedRows end with an error once all of them exceed rowsBytes.
type boundedRows struct {
	pgx.Rows
	bytes   int // of the rows so far
	failure error
}

func (r *boundedRows) Next() bool {
	if !r.Rows.Next() {
		return false
	}
	r.bytes += rowBytes
	for _, value := range r.RawValues() {
		r.bytes += len(value)
	}
	if r.bytes > rowsBytes {
		r.failure = fmt.Errorf("%w: the rows have more than %d MiB", errTooMuch, rowsBytes>>20)
		r.Close()
		return false
	}
	return true
}

// Scan counts the elements of arrays too, which take more than their bytes in a message. The next
// row ends the rows if these are too many.
func (r *boundedRows) Scan(targets ...any) error {
	err := r.Rows.Scan(targets...)
	r.bytes += arrayBytes(targets)
	return err
}

func (r *boundedRows) Err() error { return errors.Join(r.failure, r.Rows.Err()) }
