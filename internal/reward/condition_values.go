package reward

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/cockroachdb/apd/v3"
	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// adaptFacts installs attributeValues.
func adaptFacts(language *cel.Env) (*cel.Env, error) {
	return cel.CustomTypeAdapter(attributeValues{language.CELTypeAdapter()})(language)
}

// attributeValues turns decoded JSON into CEL values when they are read. A value that is larger
// than the cost estimate assumes ends the evaluation, but only if the condition reads it.
type attributeValues struct{ types.Adapter }

// NativeToValue implements types.Adapter.
func (a attributeValues) NativeToValue(value any) ref.Val {
	switch value := value.(type) {
	case string:
		if len(value) > maxText && utf8.RuneCountInString(value) > maxText {
			return types.NewErr("an attribute has more than %d characters", maxText)
		}
		return types.String(value)
	case json.Number:
		return numberOf(string(value))
	case map[string]any:
		if len(value) > maxEntries {
			return types.NewErr("an object of the attributes has more than %d members", maxEntries)
		}
		return object{Mapper: types.NewStringInterfaceMap(a, value), members: value}
	case []any:
		if len(value) > maxEntries {
			return types.NewErr("a list of the attributes has more than %d entries", maxEntries)
		}
		return types.NewDynamicList(a, value)
	}
	return a.Adapter.NativeToValue(value)
}

// object is a JSON object that is iterated in the order of its keys, so that a condition has the
// same result for the same facts.
type object struct {
	traits.Mapper
	members map[string]any
}

// Iterator iterates over the sorted keys.
func (o object) Iterator() traits.Iterator {
	return types.NewStringList(types.DefaultTypeAdapter, slices.Sorted(maps.Keys(o.members))).Iterator()
}

// numberOf parses a JSON number: an int if it is whole (5, 5.00, 5e2), else a double. A whole
// number is never rounded.
func numberOf(text string) ref.Val {
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil {
		return types.Int(whole)
	}
	value, _, err := apd.NewFromString(text)
	if err != nil {
		return types.NewErr("an attribute is a number beyond all bounds")
	}
	value.Reduce(value)
	if value.Exponent < 0 {
		nearest, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsInf(nearest, 0) {
			return types.NewErr("an attribute is a number beyond the range of doubles")
		}
		return types.Double(nearest)
	}
	if digits := value.NumDigits() + int64(value.Exponent); digits <= 20 {
		whole := value.Text('f')
		if small, err := strconv.ParseInt(whole, 10, 64); err == nil {
			return types.Int(small)
		}
		if large, err := strconv.ParseUint(whole, 10, 64); err == nil {
			return types.Uint(large)
		}
	}
	return types.NewErr("an attribute is a whole number beyond 64 bits")
}
