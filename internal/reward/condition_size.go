package reward

import (
	"fmt"
	"maps"
	"math"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
)

// The value of an expression may grow much faster than the cost of computing it: a list of ten
// times the same list costs as much as any list of ten, but nested ten times it has 10^10 entries.
// So the size of the value of each part, in characters and entries, is bounded when the policy is
// applied. A shared part counts as often as it occurs.
const largestValue = 4_000_000

// growth computes these bounds.
type growth struct {
	tree *ast.AST
	at   int64 // where a value first becomes too large; zero: nowhere
}

// modest returns an error if some value of the condition could exceed largestValue.
func modest(tree *ast.AST) error {
	g := growth{tree: tree}
	g.size(tree.Expr(), nil)
	if g.at == 0 {
		return nil
	}
	return errorOf(findingAt(tree, g.at, fmt.Sprintf(
		"may make a value of more than %d characters and entries: repeat less, and compare parts rather than what they are put together to", largestValue)))
}

// size returns a bound for the value of an expression, given the bounds of variables.
func (g *growth) size(e ast.Expr, variables map[string]float64) float64 {
	bound := g.bound(e, variables)
	if scalar(g.tree.GetType(e.ID())) {
		return 1 // bound has checked its parts
	}
	if bound > largestValue && g.at == 0 {
		g.at = e.ID()
	}
	return bound
}

func (g *growth) bound(e ast.Expr, variables map[string]float64) float64 {
	switch e.Kind() {
	case ast.IdentKind:
		if bound, ok := variables[e.AsIdent()]; ok {
			return bound
		}
		if g.tree.GetType(e.ID()).Kind() == types.MapKind {
			return MaxAttributes
		}
		return maxName
	case ast.LiteralKind:
		if text, ok := e.AsLiteral().Value().(string); ok {
			return float64(1 + len(text))
		}
		return 1
	case ast.ComprehensionKind:
		return g.loop(e.AsComprehension(), variables)
	case ast.CallKind:
		return g.call(e, variables)
	case ast.SelectKind:
		return g.size(e.AsSelect().Operand(), variables) // a part of the operand
	default: // list and object literals
		sum := 1.0
		for _, child := range children(e) {
			sum += g.size(child, variables)
		}
		return sum
	}
}

// call returns a bound for the result of a function. Most return no more than their arguments.
func (g *growth) call(e ast.Expr, variables map[string]float64) float64 {
	var sizes []float64
	sum := 0.0
	for _, value := range children(e) {
		size := g.size(value, variables)
		sizes, sum = append(sizes, size), sum+size
	}
	switch name := e.AsCall().FunctionName(); {
	case name == operators.Conditional && len(sizes) == 3:
		return max(sizes[1], sizes[2])
	case (name == operators.Index || name == operators.OptIndex || name == operators.OptSelect) && len(sizes) == 2:
		return sizes[0]
	case name == "replace" && len(sizes) >= 3:
		return (sizes[0] + 1) * (sizes[2] + 1)
	case name == "join" && len(sizes) == 2:
		return sizes[0] * (sizes[1] + 1)
	case name == "format" && len(sizes) == 2:
		return 256*sizes[0] + 8*sizes[1] // a number may be written with some hundred digits
	case name == "lists.range":
		return maxEntries
	case name == "split", name == "strings.quote":
		return 2 * sum
	}
	return sum + 64
}

// loop returns a bound for the result of a macro over a list or object of size s: for each entry
// what the step adds for an empty value, and once what it adds for an entry of size s. Steps grow
// at least in proportion to their entry, so this is the worst distribution of the size among
// entries.
func (g *growth) loop(loop ast.ComprehensionExpr, variables map[string]float64) float64 {
	s := g.size(loop.IterRange(), variables)
	made := g.size(loop.AccuInit(), variables)
	with := func(entry, accumulated float64) map[string]float64 {
		inside := maps.Clone(variables)
		if inside == nil {
			inside = map[string]float64{}
		}
		inside[loop.IterVar()] = entry
		if loop.HasIterVar2() {
			inside[loop.IterVar2()] = entry
		}
		inside[loop.AccuVar()] = accumulated
		return inside
	}
	if n := entries(loop.IterRange(), s); n > 0 {
		g.size(loop.LoopCondition(), with(s, 0))
		made += n*g.size(loop.LoopStep(), with(0, 0)) + g.size(loop.LoopStep(), with(s, 0))
	}
	return g.size(loop.Result(), with(s, made))
}

// entries returns a bound for the number of entries of a list or object.
func entries(e ast.Expr, size float64) float64 {
	switch e.Kind() {
	case ast.ListKind:
		return float64(e.AsList().Size())
	case ast.ComprehensionKind:
		return entries(e.AsComprehension().IterRange(), size)
	default:
		return math.Min(size, maxEntries)
	}
}

// scalar reports whether values of a type have a fixed size.
func scalar(t *types.Type) bool {
	switch t.Kind() {
	case types.BoolKind, types.DoubleKind, types.DurationKind, types.IntKind, types.NullTypeKind, types.TimestampKind, types.UintKind, types.TypeKind:
		return true
	default:
		return false
	}
}
