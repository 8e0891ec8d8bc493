package facts

import (
	"strings"
	"time"
)

// Conflict is the error for a fact whose key is stored with other values.
type Conflict struct {
	Kind        string // of fact, such as purchase
	Differences []Difference
}

// Difference is one field whose given value differs from the stored one, or whose stored value is
// too large to be read.
type Difference struct {
	Field    string // as in JSON
	Stored   any
	TooLarge bool // SQL wrote more than is read; Stored is nil
}

func (c *Conflict) Error() string {
	var differ, large, words []string
	for _, difference := range c.Differences {
		if difference.TooLarge {
			large = append(large, difference.Field)
		} else {
			differ = append(differ, difference.Field)
		}
	}
	if len(differ) > 0 {
		words = append(words, "differs in "+strings.Join(differ, ", "))
	}
	if len(large) > 0 {
		words = append(words, "is too large to be read in "+strings.Join(large, ", "))
	}
	article := "a "
	if c.Kind == "action" {
		article = "an "
	}
	return article + c.Kind + " with this key is stored already and " + strings.Join(words, ", and ")
}

// differences collects fields that differ.
type differences []Difference

func (d *differences) note(field string, stored any) {
	*d = append(*d, Difference{Field: field, Stored: stored})
}

// tooLarge notes a field whose stored value is too large to be read.
func (d *differences) tooLarge(field string) {
	*d = append(*d, Difference{Field: field, TooLarge: true})
}

func (d *differences) text(field, given, stored string) {
	if given != stored {
		d.note(field, stored)
	}
}

func (d *differences) amount(field string, given, stored int64) {
	if given != stored {
		d.note(field, stored)
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
		d.note(field, nil)
	case !given.Truncate(time.Microsecond).Equal(*stored):
		d.note(field, *stored)
	}
}

// noteLong notes a field that Postgres compared, if its values are not the same or the stored one
// is too large to be read. stored is nil if it is too long to be read with others.
func noteLong[T ~[]E, E any](d *differences, field string, same, large bool, stored T) {
	switch {
	case large:
		d.tooLarge(field)
	case !same && stored == nil:
		d.note(field, nil)
	case !same:
		d.note(field, stored)
	}
}
