package reward

import (
	"cmp"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// adaptFacts installs attributeValues.
func adaptFacts(language *cel.Env) (*cel.Env, error) {
	return cel.CustomTypeAdapter(attributeValues{language.CELTypeAdapter()})(language)
}

// attributeValues turns the objects and lists of prepared attributes into CEL values when they are
// read.
type attributeValues struct{ types.Adapter }

// NativeToValue implements types.Adapter.
func (a attributeValues) NativeToValue(value any) ref.Val {
	switch value := value.(type) {
	case map[string]any:
		return object{Mapper: types.NewStringInterfaceMap(a, value), members: value}
	case []any:
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

// prepared returns decoded JSON with its numbers and texts as CEL values. A value that is larger
// than the cost estimate assumes becomes an error, which ends an evaluation that reads the value.
// All of this is done once, since one evaluation may read the same value many thousand times.
func prepared(value any) any {
	switch value := value.(type) {
	case string:
		return textOf(value)
	case json.Number:
		return numberOf(string(value))
	case map[string]any:
		if len(value) > maxEntries {
			return types.NewErr("an object of the attributes has more than %d members", maxEntries)
		}
		for key, member := range value {
			value[key] = prepared(member)
		}
	case []any:
		if len(value) > maxEntries {
			return types.NewErr("a list of the attributes has more than %d entries", maxEntries)
		}
		for i, entry := range value {
			value[i] = prepared(entry)
		}
	}
	return value
}

// textOf returns a text of the facts, or an error if it is too long.
func textOf(text string) ref.Val {
	if len(text) > maxText && utf8.RuneCountInString(text) > maxText {
		return types.NewErr("a text has more than %d characters", maxText)
	}
	return types.String(text)
}

// numberOf converts a JSON number: to an int if it is whole (5, 5.00, 5e2), else to a double. A
// whole number is never rounded. The time is in proportion to the length of the text, which may be
// that of all attributes.
func numberOf(text string) ref.Val {
	if small, err := strconv.ParseInt(text, 10, 64); err == nil {
		return types.Int(small)
	}
	mantissa, power, _ := strings.Cut(strings.ToLower(text), "e")
	exponent, err := strconv.Atoi(cmp.Or(power, "0"))
	if err != nil {
		return types.NewErr("an attribute is a number beyond all bounds")
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimRight(whole+fraction, "0")
	zeros := len(whole) + exponent - len(digits) // between the digits and the decimal point
	if zeros < 0 {                               // the point is within the digits or before them
		nearest, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsInf(nearest, 0) {
			return types.NewErr("an attribute is a number beyond the range of doubles")
		}
		return types.Double(nearest)
	}
	if most := len("18446744073709551615"); zeros <= most {
		whole = digits + strings.Repeat("0", zeros)
		if small, err := strconv.ParseInt(whole, 10, 64); err == nil {
			return types.Int(small)
		}
		if large, err := strconv.ParseUint(whole, 10, 64); err == nil {
			return types.Uint(large)
		}
	}
	return types.NewErr("an attribute is a whole number beyond 64 bits")
}
