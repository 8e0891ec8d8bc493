package facts

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// key is the primary key of a fact among those of its kind.
type key [3]string

func (k key) compare(other key) int { return slices.Compare(k[:], other[:]) }

// Outcome is the result for one fact: the stored row, and whether this write created it.
type Outcome[S any] struct {
	Stored      S
	Created     bool
	LateVisitor bool  // the visitor of a token was left out, since the signup is attributed already
	Err         error // *Conflict, or the reason why this fact alone was refused

	TouchRefusal error // why the database refuses a touch that came with the signup, which was left out
}

// kind describes how facts F of one kind are written and read back as S.
//
// Both statements take the columns of the facts as arrays, by name. insert returns the new rows.
// find returns, for each fact whose key is stored, the fact's number from 1, whether its attributes
// equal the stored ones (or were not given), and the row.
type kind[F, S any] struct {
	name         string
	insert, find string
	columns      func([]*F) pgx.StrictNamedArgs
	key          func(*F) key
	stored       func(*S) key
	scan         func(*S) []any // destinations of the row's columns
	differ       func(*F, *S, bool) []Difference
	abridges     bool // find leaves out values of more than longest bytes, which it takes as well
}

// The most bytes of a stored value that is read, beside those of many other facts and alone.
const (
	shortValue = 2 << 10
	longValue  = 64 << 10
)

// ErrVanished is returned when a stored row was deleted between two statements: a retry may
// succeed.
var ErrVanished = errors.New("a stored fact was deleted meanwhile")

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, arguments ...any) (pgx.Rows, error)
}

// write records facts in one statement, and compares those that are stored already in the same
// transaction: if that fails, the new facts stay new. Rows are written in the order of their keys, so
// that two writers may wait for each other but never deadlock.
func (k *kind[F, S]) write(ctx context.Context, tx pgx.Tx, given []*F) ([]Outcome[S], error) {
	order := k.order(given)
	rows := make([]*F, len(order))
	for i, at := range order {
		rows[i] = given[at]
	}
	created, err := k.create(ctx, tx, rows)
	if err != nil {
		return nil, err
	}
	outcomes := make([]Outcome[S], len(given))
	var others []*F // facts whose key is stored already
	var places []int
	for i, at := range order {
		if stored, ok := created[k.key(rows[i])]; ok {
			outcomes[at] = Outcome[S]{Stored: *stored, Created: true}
			delete(created, k.key(rows[i])) // a second fact of this key is a repetition
			continue
		}
		others, places = append(others, rows[i]), append(places, at)
	}
	if len(others) == 0 {
		return outcomes, nil
	}
	return outcomes, k.compare(ctx, tx, shortValue, others, func(i int) *Outcome[S] { return &outcomes[places[i]] })
}

// order returns the positions of the facts, sorted by key and then by position.
func (k *kind[F, S]) order(given []*F) []int {
	order := make([]int, len(given))
	for i := range order {
		order[i] = i
	}
	if len(order) > 1 {
		slices.SortStableFunc(order, func(a, b int) int { return k.key(given[a]).compare(k.key(given[b])) })
	}
	return order
}

// create inserts the new facts, and returns their rows by key.
func (k *kind[F, S]) create(ctx context.Context, tx pgx.Tx, given []*F) (map[key]*S, error) {
	rows, err := tx.Query(ctx, k.insert, k.columns(given))
	if err != nil {
		return nil, fmt.Errorf("while recording a %s: %w", k.name, err)
	}
	defer rows.Close()
	created := make(map[key]*S, len(given))
	for rows.Next() {
		stored := new(S)
		if err := rows.Scan(k.scan(stored)...); err != nil {
			return nil, fmt.Errorf("while reading a %s back: %w", k.name, err)
		}
		created[k.stored(stored)] = stored
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("while recording a %s: %w", k.name, err)
	}
	return created, nil
}

// compare compares facts with the rows that are stored under their keys, and reads values of at
// most longest bytes.
func (k *kind[F, S]) compare(
	ctx context.Context, to querier, longest int, given []*F, outcome func(int) *Outcome[S],
) error {
	arguments := k.columns(given)
	if k.abridges {
		arguments["longest"] = longest
	}
	rows, err := to.Query(ctx, k.find, arguments)
	if err != nil {
		return fmt.Errorf("while finding a stored %s: %w", k.name, err)
	}
	defer rows.Close()
	found := 0
	for rows.Next() {
		var number int
		var same bool
		var stored S
		if err := rows.Scan(append([]any{&number, &same}, k.scan(&stored)...)...); err != nil {
			return fmt.Errorf("while reading a stored %s: %w", k.name, err)
		}
		at := outcome(number - 1)
		at.Stored = stored
		if differences := k.differ(given[number-1], &stored, same); len(differences) > 0 {
			at.Err = &Conflict{Kind: k.name, Differences: differences}
		}
		found++
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("while finding a stored %s: %w", k.name, err)
	}
	if found < len(given) {
		return ErrVanished
	}
	return nil
}
