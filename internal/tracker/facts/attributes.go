package facts

import (
	"encoding/json"
	"fmt"
)

// Attributes are further data about a fact: the members of a JSON object, as they were given.
type Attributes map[string]json.RawMessage

// text is the JSON of the object; empty if none was given.
func (a Attributes) text() string {
	if a == nil {
		return ""
	}
	text, err := json.Marshal(a)
	if err != nil {
		panic(fmt.Sprintf("attributes were not JSON: %v", err)) // they were parsed before
	}
	return string(text)
}
