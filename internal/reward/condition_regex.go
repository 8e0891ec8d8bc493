package reward

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
)

// A few characters of a regular expression make a large program: (\pL{999}){9} takes megabytes. The
// time of one match is in proportion to the length of the text times the size of the program.
const (
	maxRegexSize = 2000       // of all regular expressions of one condition
	maxRegexWork = 20_000_000 // bytes of the text times size, for one match
	workPerUnit  = 16         // how much of this work costs one unit
)

var (
	errRegexNotLiteral = errors.New("must be written in the condition as one text, since its size is checked when the policy is applied")
	errRegexTooLarge   = fmt.Errorf("makes the regular expressions of the condition too large (more than %d steps): "+
		"repeat less often, or name fewer kinds of characters", maxRegexSize)
)

// smallRegexes returns the size of each regular expression of a condition, before any of them is
// compiled. It returns an error if they are too large, or if one is not a literal.
func smallRegexes(tree *ast.AST) (sizes map[string]int, err error) {
	sizes, sum := map[string]int{}, 0
	ast.PreOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if err != nil || e.Kind() != ast.CallKind || e.AsCall().FunctionName() != overloads.Matches {
			return
		}
		args := e.AsCall().Args()
		if len(args) == 0 {
			return // the type check reports it
		}
		pattern := args[len(args)-1]
		text, literal := "", pattern.Kind() == ast.LiteralKind
		if literal {
			text, literal = pattern.AsLiteral().Value().(string)
		}
		switch {
		case !literal:
			err = errorOf(findingAt(tree, pattern.ID(), errRegexNotLiteral.Error()))
		default:
			sizes[text] = sizeOfRegex(text)
			if sum += sizes[text]; sum > maxRegexSize {
				err = errorOf(findingAt(tree, pattern.ID(), errRegexTooLarge.Error()))
			}
		}
	}))
	return sizes, err
}

// sizeOfRegex returns about how many instructions the program of a regular expression has. Large
// classes of characters count more than once. An invalid one has size 1: the type check reports it.
func sizeOfRegex(pattern string) int {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 1
	}
	return int(min(instructions(parsed), 1<<30)) + 1
}

func instructions(re *syntax.Regexp) float64 {
	const rangesPerInstruction = 32
	sum := 0.0
	for _, sub := range re.Sub {
		sum += instructions(sub)
	}
	switch re.Op {
	case syntax.OpLiteral:
		return float64(len(re.Rune))
	case syntax.OpCharClass:
		return 1 + float64(len(re.Rune)/2/rangesPerInstruction)
	case syntax.OpRepeat:
		optional := max(re.Max-re.Min, 1)
		return sum*float64(max(re.Max, re.Min+1)) + float64(optional)
	case syntax.OpCapture:
		return sum + 2
	default:
		return sum + float64(max(len(re.Sub), 1))
	}
}

// matching makes matches() use a program that is compiled with the condition, and refuse a text for
// which one match would take too long. Cost is counted only when a match has returned.
var matching = func() cel.ProgramOption {
	compile := func(call interpreter.InterpretableCall, pattern string) (interpreter.InterpretableCall, error) {
		program, err := regexp.Compile(pattern)
		if err != nil {
			return nil, err
		}
		longest := maxRegexWork / sizeOfRegex(pattern)
		return interpreter.NewCall(call.ID(), call.Function(), call.OverloadID(), call.Args(), func(values ...ref.Val) ref.Val {
			text, ok := values[0].(types.String)
			if !ok {
				return types.MaybeNoSuchOverloadErr(values[0])
			}
			if len(text) > longest {
				return types.NewErr("a text of %d characters is too long for the regular expression", len(text))
			}
			return types.Bool(program.MatchString(string(text)))
		}), nil
	}
	option := func(overload string) *interpreter.RegexOptimization {
		return &interpreter.RegexOptimization{Function: overloads.Matches, OverloadID: overload, RegexIndex: 1, Factory: compile}
	}
	return cel.OptimizeRegex(option(overloads.Matches), option(overloads.MatchesString))
}()
