package engine

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// longestName is the most characters of a name or id, as the tables of facts and campaigns have it.
const longestName = 255

// longestText is the most bytes of it.
const longestText = utf8.UTFMax * longestName

// checkID fails for an id that no table of the schema takes. Ids are kept, and cost memory.
func checkID(id string) error {
	if utf8.RuneCountInString(id) > longestName {
		return fmt.Errorf("the server has an id of more than %d characters, %q: remove its rows and restore the CHECK constraints of the tables", longestName, shown(id))
	}
	return nil
}

// checkText fails for a value of a column that is certainly too long for an id, before it is copied.
func checkText(value []byte) error {
	if len(value) <= longestText {
		return nil
	}
	return checkID(string(value[:longestText+1]))
}

// errOutOfOrder means that a range of keys does not end after it begins, which no server with the
// schema's collations answers. A walk that went on would never end.
var errOutOfOrder = errors.New("the server's answer is impossible: keys are out of order; " +
	`if a key column such as user_id was altered, restore its COLLATE "C"`)

// outOfOrder names the key that does not follow another.
func outOfOrder(key, before string) error {
	return fmt.Errorf("%w: %q comes after %q", errOutOfOrder, shown(key), shown(before))
}

// checkFollows fails unless a range that begins after a key ends after it, at a key of usual
// length. Keys are in the order of their bytes; nil: the range has no end.
func checkFollows(end *string, after string) error {
	switch {
	case end == nil:
		return nil
	case *end <= after:
		return outOfOrder(*end, after)
	}
	return checkID(*end)
}
