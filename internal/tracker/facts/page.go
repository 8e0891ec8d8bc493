package facts

import "github.com/jackc/pgx/v5"

const (
	// pageBytes ends a page: it has no further row after the one that reaches it.
	pageBytes = 512 << 10
	// rowBytes is what a row takes beside its values: the names of its fields in JSON, or the struct.
	rowBytes = 256
)

// readPage reads rows up to the limit or pageBytes, and reports whether there are more. It closes the
// rows.
func readPage[T any](rows pgx.Rows, limit int, scan func(*T) []any) (page []T, more bool, err error) {
	defer rows.Close()
	for bytes := 0; rows.Next(); bytes += bytesInJSON(rows.RawValues()) {
		if len(page) == limit || bytes >= pageBytes {
			return page, true, nil
		}
		var row T
		if err := rows.Scan(scan(&row)...); err != nil {
			return nil, false, err
		}
		page = append(page, row)
	}
	return page, false, rows.Err()
}

// bytesInJSON is about how many bytes a row takes in JSON, where control characters take six.
func bytesInJSON(values [][]byte) int {
	bytes := rowBytes
	for _, value := range values {
		for _, c := range value {
			switch {
			case c < ' ':
				bytes += len(`\u0000`)
			case c == '"', c == '\\':
				bytes += len(`\"`)
			default:
				bytes++
			}
		}
	}
	return bytes
}
