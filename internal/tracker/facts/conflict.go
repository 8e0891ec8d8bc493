package facts

import (
	"slices"
	"strings"
	"time"
)

// Conflict is the error for a fact whose key is stored with other values.
type Conflict struct {
	Kind        string // of fact, such as purchase
	Differences []Difference
}

// Difference is one field whose given value differs from the stored one.
type Difference struct {
	Field         string // as in JSON
	Given, Stored any
}

func (c *Conflict) Error() string {
	fields := make([]string, len(c.Differences))
	for i, difference := range c.Differences {
		fields[i] = difference.Field
	}
	return "a " + c.Kind + " with this key is stored already and differs in " + strings.Join(fields, ", ")
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

// optional compares a text if it was given.
func (d *differences) optional(field string, given *string, stored string) {
	if given != nil {
		d.text(field, *given, stored)
	}
}

// instant compares a time if it was given, to the microsecond, as Postgres stores it.
func (d *differences) instant(field string, given, stored *time.Time) {
	switch {
	case given == nil:
	case stored == nil:
		d.note(field, *given, nil)
	case !given.Truncate(time.Microsecond).Equal(*stored):
		d.note(field, *given, *stored)
	}
}

// set compares lists regardless of their order, if one was given.
func (d *differences) set(field string, given, stored []string) {
	if given != nil && !slices.Equal(sorted(given), sorted(stored)) {
		d.note(field, given, stored)
	}
}

func sorted(list []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(list)))
}
