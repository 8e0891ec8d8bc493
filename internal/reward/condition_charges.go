package reward

import (
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
)

// Charges of calls for which CEL's own are far below the time that they take. A unit is about the
// time of one comparison.
const (
	costOfGrowth = 20  // of one character or entry of a list or text that is built
	costOfZone   = 100 // of finding a time zone by its name
	costOfEntry  = 3   // of reading one entry of a list or object
	textPerUnit  = 16  // characters of a text that is read
)

// charges implements interpreter.ActualCostEstimator for a condition.
type charges struct {
	regexes map[string]int // size of each of its regular expressions
}

// CallCost returns the cost of a call that has returned; nil: CEL's own.
func (c charges) CallCost(function, overload string, args []ref.Val, result ref.Val) *uint64 {
	switch {
	case function == overloads.Matches && len(args) == 2:
		pattern, _ := args[1].(types.String)
		return charge(uint64((1 + sizeOf(args[0])) * c.regexes[string(pattern)] / workPerUnit))
	case function == operators.Equals || function == operators.NotEquals:
		return charge(smallerSize(args[0], args[1]) - 1)
	case function == operators.In && len(args) == 2:
		return charge(deepSize(args[1], costLimit))
	case strings.HasPrefix(function, "get") && len(args) == 2:
		return charge(costOfZone)
	case overload == "" || readsWhole[overload]:
		// CEL counts 1 where the types of the arguments were not known before, and for readsWhole.
		read := sizeOf(result)
		for _, argument := range args {
			read += sizeOf(argument)
		}
		return charge(uint64(read / textPerUnit))
	}
	return nil
}

// readsWhole are functions that read a text to its end.
var readsWhole = map[string]bool{
	overloads.SizeString: true, overloads.SizeStringInst: true,
	overloads.StringToBool: true, overloads.StringToInt: true, overloads.StringToUint: true, overloads.StringToDouble: true,
	overloads.StringToDuration: true, overloads.StringToTimestamp: true,
}

// charge returns the cost of a call that does an amount of work.
func charge(work uint64) *uint64 {
	work++
	return &work
}

// sizeOf returns the bytes of a text or the entries of a list or object; 0: it is something else.
func sizeOf(value ref.Val) int {
	switch value := value.(type) {
	case types.String:
		return len(value)
	case types.Bytes:
		return len(value)
	case traits.Sizer:
		if size, ok := value.Size().(types.Int); ok {
			return int(size)
		}
	}
	return 0
}

// smallerSize returns what comparing two values costs, which is the deepSize of the smaller. It
// looks further and further into both, so that a large value takes no time beside a small one.
func smallerSize(a, b ref.Val) uint64 {
	limit := uint64(16)
	for {
		size := min(deepSize(a, limit), deepSize(b, limit))
		if size < limit || limit == costLimit {
			return size
		}
		limit = min(4*limit, costLimit)
	}
}

// deepSize returns what a comparison of a value costs, entries of entries included, up to a limit.
func deepSize(value ref.Val, limit uint64) uint64 {
	size := uint64(1)
	switch value := value.(type) {
	case object:
		return deepSize(value.Mapper, limit) // in any order
	case traits.Mapper:
		for entries := value.Iterator(); entries.HasNext() == types.True && size < limit; {
			key := entries.Next()
			size += costOfEntry + deepSize(key, limit) + deepSize(value.Get(key), limit)
		}
	case traits.Lister:
		for entries := value.Iterator(); entries.HasNext() == types.True && size < limit; {
			size += costOfEntry + deepSize(entries.Next(), limit)
		}
	default:
		size += uint64(sizeOf(value) / textPerUnit)
	}
	return min(size, limit)
}

// chargeGrowth charges functions that build lists and texts by the size of their result. Cost is
// counted only when a function has returned, so a result must not grow so large that one further
// function could run for minutes.
var chargeGrowth = overloadCharges(func(_ []ref.Val, result ref.Val) *uint64 {
	return charge(costOfGrowth * uint64(sizeOf(result)))
},
	overloads.AddList, overloads.AddString, overloads.AddBytes, overloads.ExtFormatString,
	"list_flatten", "list_flatten_int", "list_join", "list_join_string",
	"string_split_string", "string_split_string_int", "string_replace_string_string", "string_replace_string_string_int")

// chargeSets charges functions that compare each entry of a list with each of another, or of the
// same.
var chargeSets = overloadCharges(func(args []ref.Val, _ ref.Val) *uint64 {
	return charge(2 * deepSize(args[0], costLimit) * deepSize(args[len(args)-1], costLimit))
},
	"list_sets_contains_list", "list_sets_intersects_list", "list_sets_equivalent_list", "list_distinct")

func overloadCharges(cost interpreter.FunctionTracker, overloads ...string) cel.ProgramOption {
	options := make([]interpreter.CostTrackerOption, 0, len(overloads))
	for _, overload := range overloads {
		options = append(options, interpreter.OverloadCostTracker(overload, cost))
	}
	return cel.CostTrackerOptions(options...)
}
