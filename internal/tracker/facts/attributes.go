package facts

import (
	"bytes"
	"encoding/json"
)

// Attributes are further data about a fact: the text of a JSON object, as it was given. It stays
// text, because in memory its members take many times as much. nil: none were given.
type Attributes []byte

// empty reports whether there are no members: each has a name in quotation marks.
func (a Attributes) empty() bool { return bytes.IndexByte(a, '"') < 0 }

// MarshalJSON returns the text.
func (a Attributes) MarshalJSON() ([]byte, error) { return json.RawMessage(a).MarshalJSON() }

// UnmarshalJSON keeps the text of an object. null means that none were given.
func (a *Attributes) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*a = nil
		return nil
	}
	return (*json.RawMessage)(a).UnmarshalJSON(text)
}
