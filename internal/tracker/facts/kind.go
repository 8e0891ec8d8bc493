package facts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// key is what tells one fact of a kind from another.
type key [3]string

func (k key) compare(other key) int {
	for i := range k {
		if order := strings.Compare(k[i], other[i]); order != 0 {
			return order
		}
	}
	return 0
}

// Outcome is what became of one fact: what is stored, and whether by this write.
type Outcome[S any] struct {
	Stored  S
	Created bool
	Err     error // *Conflict, or what refused this fact alone
}

// kind is how facts F of one kind are written and read back as S.
//
// Both statements take the columns of the facts as arrays. insert returns the
// rows that are new; find returns, for facts whose key is stored, the fact's
// number from 1, whether attributes are the same where they were given, and the row.
type kind[F, S any] struct {
	name         string
	insert, find string
	columns      func([]*F) []any
	key          func(*F) key
	stored       func(*S) key
	scan         func(*S) []any // where the row's columns go
	differ       func(*F, *S, bool) []Difference
}

// errVanished says that a row was in the way and is gone: the same again may succeed.
var errVanished = errors.New("a stored fact was deleted meanwhile")

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, arguments ...any) (pgx.Rows, error)
}

// write records facts in one statement. Rows are written in the order of their
// keys, as everybody does who shares a commit, so that two writers wait for
// each other but never in a circle.
func (k *kind[F, S]) write(ctx context.Context, to querier, given []*F) ([]Outcome[S], error) {
	order := k.order(given)
	rows := make([]*F, len(order))
	for i, at := range order {
		rows[i] = given[at]
	}
	created, err := k.create(ctx, to, rows)
	if err != nil {
		return nil, err
	}
	outcomes := make([]Outcome[S], len(given))
	var others []*F // whose key is stored already
	var places []int
	for i, at := range order {
		if stored, ok := created[k.key(rows[i])]; ok {
			outcomes[at] = Outcome[S]{Stored: *stored, Created: true}
			delete(created, k.key(rows[i])) // given twice: the second is a repetition
			continue
		}
		others, places = append(others, rows[i]), append(places, at)
	}
	if len(others) == 0 {
		return outcomes, nil
	}
	return outcomes, k.compare(ctx, to, others, func(i int) *Outcome[S] { return &outcomes[places[i]] })
}

// order are the places of the facts by their keys, and then as they came.
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

// create inserts what is new, and returns it by key.
func (k *kind[F, S]) create(ctx context.Context, to querier, given []*F) (map[key]*S, error) {
	rows, err := to.Query(ctx, k.insert, k.columns(given)...)
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

// compare finds what is stored under the keys of given facts.
func (k *kind[F, S]) compare(ctx context.Context, to querier, given []*F, outcome func(int) *Outcome[S]) error {
	rows, err := to.Query(ctx, k.find, k.columns(given)...)
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
		return errVanished
	}
	return nil
}
