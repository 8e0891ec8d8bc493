package reward

import (
	"sync"
	_ "time/tzdata" // so that time zones do not depend on the machine

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"
)

// conditionLanguage is CEL as in the API server: optional values, comparison of numbers across
// types, UTC by default, literals of one type, and the libraries of strings, sets, lists and
// two-variable macros. Kubernetes' own libraries, such as quantities, URLs and IPs, are left out.
//
// Facts are variables with a point in their names. Each has its type, so that a misspelt name is
// found when the policy is applied, and there is no value "purchase" that could be compared or
// passed on as a whole.
var conditionLanguage = sync.OnceValue(func() *cel.Env {
	options := []cel.EnvOption{
		cel.HomogeneousAggregateLiterals(),
		cel.EagerlyValidateDeclarations(true),
		cel.DefaultUTCTimeZone(true),
		cel.CrossTypeNumericComparisons(true),
		cel.OptionalTypes(),
		cel.ASTValidators(
			cel.ValidateDurationLiterals(),
			cel.ValidateTimestampLiterals(),
			cel.ValidateRegexLiterals(),
			cel.ValidateHomogeneousAggregateLiterals(),
			timeZones{},
		),
		// The first versions whose functions report their cost.
		ext.Strings(ext.StringsVersion(5)),
		ext.Sets(ext.SetsVersion(1)),
		ext.Lists(ext.ListsVersion(3), ext.ListsMaxRangeSize(maxEntries)),
		ext.TwoVarComprehensions(ext.TwoVarComprehensionsVersion(0)),
		cel.ParserExpressionSizeLimit(maxConditionLength),
		cel.ParserRecursionLimit(maxDepth),
		adaptFacts,
	}
	for _, fact := range facts {
		options = append(options, cel.Variable(fact.name, fact.is))
	}
	language, err := cel.NewEnv(options...)
	if err != nil {
		panic("reward: the language of conditions is invalid: " + err.Error()) // the options are constant
	}
	return language
})

// fact is a variable of a condition.
type fact struct {
	name string
	is   *cel.Type
}

var attributeMap = cel.MapType(cel.StringType, cel.DynType)

// facts are all facts that a condition can read.
var facts = []fact{
	{"purchase.amount", cel.IntType}, // minor units, before refunds
	{"purchase.currency", cel.StringType},
	{"purchase.purchased_at", cel.TimestampType},
	{"purchase.attributes", attributeMap},
	{"signup.signed_up_at", cel.TimestampType},
	{"signup.attributes", attributeMap},
	{"link.code", cel.StringType},
	{"link.label", cel.StringType},
}
