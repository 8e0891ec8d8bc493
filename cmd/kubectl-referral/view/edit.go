package view

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"
)

// Edit is what a manifest changes about one object.
type Edit struct {
	Object  string // "campaign" or "policy"
	Changes []Change
}

// Change is one field that differs.
type Change struct {
	Path          string
	Now, Proposed string // empty: the field is not set
}

// Compare returns the fields in which two specs differ, by their paths. Spellings of the same
// amount, duration or time do not differ.
func Compare(now, proposed map[string]any) []Change {
	before, after := map[string]string{}, map[string]string{}
	flatten(before, "", now)
	flatten(after, "", proposed)
	paths := slices.Collect(maps.Keys(before))
	for path := range after {
		if _, both := before[path]; !both {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	var changes []Change
	for _, path := range paths {
		if !same(path, before[path], after[path]) {
			changes = append(changes, Change{path, before[path], after[path]})
		}
	}
	return changes
}

// flatten collects the leaves of a value by their paths. An item of a list is found by its key,
// where its kind has one, and else by its position. The path shows the key, so it is a leaf only if
// the item has no other field.
func flatten(into map[string]string, path string, value any) {
	switch typed := value.(type) {
	case map[string]any:
		for name, field := range typed {
			flatten(into, strings.TrimPrefix(path+"."+name, "."), field)
		}
	case []any:
		for i, item := range typed {
			key, field := keyOf(i, item)
			flatten(into, fmt.Sprintf("%s[%s]", path, key), without(item, field))
		}
	case string:
		into[path] = typed
	case nil:
	default:
		text, err := json.Marshal(typed)
		if err != nil {
			text = fmt.Append(nil, typed)
		}
		into[path] = string(text)
	}
}

// keyOf returns the key of an item of a list, and the field that it is in; empty: it is the
// position.
func keyOf(position int, item any) (key, field string) {
	if fields, ok := item.(map[string]any); ok {
		for _, field := range []string{"name", "currency", "fromPair"} {
			if value, found := fields[field]; found {
				return fmt.Sprint(value), field
			}
		}
	}
	return fmt.Sprint(position), ""
}

// without returns an item without one of its fields, unless it has no other.
func without(item any, field string) any {
	fields, ok := item.(map[string]any)
	if !ok || field == "" || len(fields) == 1 {
		return item
	}
	rest := maps.Clone(fields)
	delete(rest, field)
	return rest
}

// spellings are the fields in which a value can be written in several ways, each with what reports
// whether two texts are the same value. Any other text, such as a name, is only what is written.
var spellings = map[string]func(a, b string) bool{
	"amount": sameNumber, "rate": sameNumber,
	"holdPeriod": sameDuration, "withinSignup": sameDuration, "beforeSignup": sameDuration,
	"attributionWindow": sameDuration, "resyncInterval": sameDuration,
	"startsAt": sameTime, "endsAt": sameTime,
}

// same reports whether two values of a field are equal, in whatever way they are written.
func same(path, a, b string) bool {
	spelled := spellings[path[strings.LastIndex(path, ".")+1:]]
	return a == b || spelled != nil && spelled(a, b)
}

func sameNumber(a, b string) bool {
	x, isNumber := new(big.Rat).SetString(a)
	y, areBoth := new(big.Rat).SetString(b)
	return isNumber && areBoth && x.Cmp(y) == 0
}

func sameDuration(a, b string) bool {
	x, errX := time.ParseDuration(a)
	y, errY := time.ParseDuration(b)
	return errX == nil && errY == nil && x == y
}

func sameTime(a, b string) bool {
	x, errX := time.Parse(time.RFC3339, a)
	y, errY := time.Parse(time.RFC3339, b)
	return errX == nil && errY == nil && x.Equal(y)
}
