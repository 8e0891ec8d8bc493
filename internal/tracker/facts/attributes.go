package facts

import (
	"encoding/json"
	"fmt"
)

// Attributes are anything else about a fact: the members of a JSON object, as
// they were given.
type Attributes map[string]json.RawMessage

// text is the object as Postgres reads it; empty where none was given.
func (a Attributes) text() string {
	if a == nil {
		return ""
	}
	text, err := json.Marshal(a)
	if err != nil {
		panic(fmt.Sprintf("attributes were not JSON: %v", err)) // whoever made them parsed them
	}
	return string(text)
}
