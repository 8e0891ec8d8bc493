package reward

import (
	"fmt"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
)

// Condition is a compiled condition of a policy's terms. It is immutable and safe for concurrent
// use.
type Condition struct {
	program   cel.Program
	regexSize int // of all its regular expressions

	// Warnings are about expressions that are allowed but probably not meant.
	Warnings []Finding
}

// Finding is an error or a warning at one position of a condition's text.
type Finding struct {
	Line, Column int // from 1, in characters
	Text         string
}

func (f Finding) String() string { return fmt.Sprintf("%d:%d: %s", f.Line, f.Column, f.Text) }

// CompileCondition checks and compiles a condition. Its error is one line that says where the
// mistake is, what is wrong, and what would be right.
func CompileCondition(text string) (*Condition, error) {
	if err := readable(text); err != nil {
		return nil, err
	}
	language := conditionLanguage()
	parsed, issues := language.Parse(text)
	if issues.Err() != nil {
		return nil, syntaxErrors(text, issues)
	}
	if err := fewMacros(parsed.NativeRep()); err != nil {
		return nil, err
	}
	regexes, err := smallRegexes(parsed.NativeRep())
	if err != nil {
		return nil, err
	}
	checked, issues := language.Check(parsed)
	if issues.Err() != nil {
		return nil, typeErrors(parsed, issues)
	}
	if t := checked.OutputType(); !t.IsExactType(types.BoolType) {
		return nil, errorOf(notBool(t))
	}
	if err := modest(checked.NativeRep()); err != nil {
		return nil, err
	}
	if err := affordable(language, checked, regexes); err != nil {
		return nil, err
	}
	program, err := language.Program(checked,
		cel.EvalOptions(cel.OptOptimize, cel.OptTrackCost), matching,
		cel.CostTracking(charges{regexes}), chargeGrowth, chargeSets, cel.CostLimit(costLimit))
	if err != nil {
		return nil, errorOf(Finding{1, 1, "cannot be compiled: " + oneLine(err.Error())})
	}
	condition := &Condition{program: program, Warnings: unguardedReads(checked.NativeRep())}
	for _, size := range regexes {
		condition.regexSize += size
	}
	return condition, nil
}

// holds reports whether the condition is true for a purchase, and adds the cost of the evaluation
// to facts.cost. A condition that ends in an error counts as false.
func (c *Condition) holds(facts *conditionFacts) (bool, error) {
	result, details, err := c.program.Eval(facts)
	if details != nil && details.ActualCost() != nil {
		facts.cost += *details.ActualCost()
	} else {
		facts.cost += costLimit // it was reached
	}
	if err != nil {
		return false, err
	}
	holds, ok := result.Value().(bool)
	if !ok {
		return false, fmt.Errorf("the condition is a %s: must be true or false", result.Type().TypeName())
	}
	return holds, nil
}
