package facts

import "github.com/jackc/pgx/v5"

const (
	// pageBytes ends a page: it has no further row after the one that reaches it.
	pageBytes = 512 << 10
	// rowBytes is what a row takes beside its values: the names of its fields in JSON, or the struct.
	rowBytes = 256
	// stepRows is how many rows are read at a time where a row may have 100 KB. A statement works for
	// all of its rows and sends them, also those for which a page has no place.
	stepRows = 50
)

// page is rows of a list, up to a limit or pageBytes.
type page[T any] struct {
	limit int
	rows  []T
	bytes int  // of the rows, in JSON
	more  bool // a row was found for which there is no place
}

func (p *page[T]) full() bool { return len(p.rows) == p.limit || p.bytes >= pageBytes }

// step is how many rows to read next, at least one: it shows whether there are more.
func (p *page[T]) step() int {
	if p.full() {
		return 1
	}
	return min(stepRows, p.limit+1-len(p.rows))
}

// add adds rows until the page is full, closes them, and returns how many it has read.
func (p *page[T]) add(rows pgx.Rows, scan func(*T) []any) (read int, err error) {
	defer rows.Close()
	for rows.Next() {
		read++
		if p.full() {
			p.more = true
			return read, nil
		}
		var row T
		if err := rows.Scan(scan(&row)...); err != nil {
			return read, err
		}
		p.rows, p.bytes = append(p.rows, row), p.bytes+bytesInJSON(rows.RawValues())
	}
	return read, rows.Err()
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
