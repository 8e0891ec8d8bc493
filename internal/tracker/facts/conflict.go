package facts

import (
	"slices"
	"strings"
	"time"
)

// Conflict says that something else is stored under the key of a fact.
type Conflict struct {
	Kind        string // of fact, such as purchase
	Differences []Difference
}

// Difference is one field that was given otherwise than it is stored.
type Difference struct {
	Field         string // as in JSON
	Given, Stored any
}

func (c *Conflict) Error() string {
	fields := make([]string, len(c.Differences))
	for i, difference := range c.Differences {
		fields[i] = difference.Field
	}
	return "a " + c.Kind + " of this key is stored already, and differs in " + strings.Join(fields, ", ")
}

// differences collects fields that differ.
type differences []Difference

func (d *differences) note(field string, given, stored any) {
	*d = append(*d, Difference{Field: field, Given: given, Stored: stored})
}

func (d *differences) text(field, given, stored string) {
	if given != stored {
		d.note(field, given, stored)
	}
}

func (d *differences) amount(field string, given, stored int64) {
	if given != stored {
		d.note(field, given, stored)
	}
}

// optional compares a text that may be left out; without is what is stored
// where there is none.
func (d *differences) optional(field string, given *string, stored string) {
	if given != nil {
		d.text(field, *given, stored)
	}
}

// instant compares a time that may be left out, as exactly as Postgres keeps it.
func (d *differences) instant(field string, given, stored *time.Time) {
	switch {
	case given == nil:
	case stored == nil:
		d.note(field, *given, nil)
	case !given.Truncate(time.Microsecond).Equal(*stored):
		d.note(field, *given, *stored)
	}
}

// set compares lists whose order means nothing.
func (d *differences) set(field string, given, stored []string) {
	if given != nil && !slices.Equal(sorted(given), sorted(stored)) {
		d.note(field, given, stored)
	}
}

func sorted(list []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(list)))
}
