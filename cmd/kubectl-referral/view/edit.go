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
	Object  string // "RewardPolicy five-dollars"
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
		if !same(before[path], after[path]) {
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

// same reports whether two values are equal, in whatever way they are written.
func same(a, b string) bool {
	if a == b {
		return true
	}
	if x, err := time.ParseDuration(a); err == nil {
		y, err := time.ParseDuration(b)
		return err == nil && x == y
	}
	if x, err := time.Parse(time.RFC3339, a); err == nil {
		y, err := time.Parse(time.RFC3339, b)
		return err == nil && x.Equal(y)
	}
	x, isNumber := new(big.Rat).SetString(a)
	y, areBoth := new(big.Rat).SetString(b)
	return isNumber && areBoth && x.Cmp(y) == 0
}
