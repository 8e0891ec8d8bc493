package reward

import (
	"fmt"
	"unicode"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
)

// A condition is evaluated for each purchase, thousands in one transaction, so its cost is limited
// twice: by an estimate when the policy is applied, for facts of the largest size, and by a count
// during the evaluation. One unit of cost is about one comparison.
const (
	estimateLimit = 10_000_000 // for facts of the maximum sizes below
	costLimit     = 200_000    // for the actual facts

	// MaxAttributes is the most of a purchase's or signup's attributes that a condition can read,
	// in bytes of JSON.
	MaxAttributes = 64 << 10

	maxConditionLength = 4096 // characters
	maxDepth           = 100  // levels of an expression in an expression
	maxOptMaps         = 4    // optMap and optFlatMap: each doubles the expression before it
	maxMacros          = 12   // each nested macro at least doubles the time of the type check
	maxText            = 2048 // characters of one attribute
	maxEntries         = 1000 // of one list or object in the attributes
	maxName            = 255  // characters of a code or label

	// refereeLimit is the most that the conditions of all purchases of one referee may cost, and
	// compiling them.
	refereeLimit = 25 * costLimit
)

// costOfCompiling returns what it costs to compile a condition: the longest as much as the costliest
// evaluation. A condition that is cached costs the same, so that the result does not depend on it.
func costOfCompiling(text string) uint64 { return uint64(len(text)) * costLimit / maxConditionLength }

// affordable returns an error if the condition could cost more than estimateLimit.
func affordable(language *cel.Env, checked *cel.Ast, regexes map[string]int) error {
	tree := checked.NativeRep()
	estimate, err := language.EstimateCost(checked, newSizes(tree, regexes))
	if err != nil {
		return errorOf(Finding{1, 1, "its cost cannot be estimated: " + oneLine(err.Error())})
	}
	if estimate.Max <= estimateLimit {
		return nil
	}
	at, cheaper := cheapen(tree)
	return errorOf(findingAt(tree, at, fmt.Sprintf("may cost more than %d comparisons for one purchase: %s", estimateLimit, cheaper)))
}

// fewMacros returns an error if the type check would take too long.
func fewMacros(tree *ast.AST) error {
	macros := 0
	ast.PreOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.ComprehensionKind {
			macros++
		}
	}))
	if macros > maxMacros {
		return errorOf(Finding{1, 1, fmt.Sprintf("has %d macros such as exists or map: at most %d", macros, maxMacros)})
	}
	return nil
}

// sizes gives the cost estimate the maximum sizes of facts.
type sizes struct {
	loops   map[int64]bool // expressions that a macro iterates over
	regexes map[string]int // size of each regular expression
}

func newSizes(tree *ast.AST, regexes map[string]int) sizes {
	s := sizes{loops: map[int64]bool{}, regexes: regexes}
	ast.PreOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.ComprehensionKind {
			s.loops[e.AsComprehension().IterRange().ID()] = true
		}
	}))
	return s
}

// EstimateSize implements checker.CostEstimator.
func (s sizes) EstimateSize(node checker.AstNode) *checker.SizeEstimate {
	if path := node.Path(); len(path) == 1 {
		switch path[0] {
		case "purchase.currency":
			return upTo(3)
		case "link.code", "link.label":
			return upTo(maxName)
		}
	}
	t := node.Type()
	if isOptional(t) {
		t = t.Parameters()[0]
	}
	switch t.Kind() {
	case types.ListKind, types.MapKind:
		return upTo(maxEntries)
	case types.StringKind, types.BytesKind:
		return upTo(maxText)
	case types.BoolKind, types.DoubleKind, types.DurationKind, types.IntKind, types.TimestampKind, types.UintKind, types.NullTypeKind:
		return nil // known
	default:
		// An attribute: a list if a macro iterates over it, else the worst case, a text.
		if s.loops[node.Expr().ID()] {
			return upTo(maxEntries)
		}
		return upTo(maxText)
	}
}

// EstimateCallCost implements checker.CostEstimator. A match costs as charges counts it; the other
// functions keep their default.
func (s sizes) EstimateCallCost(function, _ string, target *checker.AstNode, args []checker.AstNode) *checker.CallEstimate {
	if function != overloads.Matches {
		return nil
	}
	if target != nil {
		args = append([]checker.AstNode{*target}, args...)
	}
	if len(args) != 2 {
		return nil
	}
	pattern, _ := args[1].Expr().AsLiteral().Value().(string) // see smallRegexes
	text := args[0].ComputedSize()
	if text == nil {
		text = s.EstimateSize(args[0])
	}
	if text == nil {
		text = upTo(maxText)
	}
	work := text.Add(checker.FixedSizeEstimate(1)).MultiplyByCostFactor(float64(s.regexes[pattern]) / workPerUnit)
	return &checker.CallEstimate{CostEstimate: work.Add(checker.FixedCostEstimate(1))}
}

func upTo(size uint64) *checker.SizeEstimate { return &checker.SizeEstimate{Max: size} }

// cheapen returns the part that costs most, and advice on what would cost less.
func cheapen(tree *ast.AST) (at int64, cheaper string) {
	if loop := innermostLoop(tree.Expr()); loop != 0 {
		return loop, "a loop inside a loop multiplies: go through one list at a time, or have the application sum it up in one attribute"
	}
	ast.PreOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if at == 0 && e.Kind() == ast.CallKind && operands(e) && isFunction(e.AsCall().FunctionName()) {
			at = e.ID()
		}
	}))
	if at != 0 {
		return at, "two texts of any length are searched or joined: use a text that is written in the condition for one of them"
	}
	return tree.Expr().ID(), "leave out what is not needed"
}

// operands reports whether a call has more than one argument that is not a literal.
func operands(e ast.Expr) bool {
	call := e.AsCall()
	values := call.Args()
	if call.IsMemberFunction() {
		values = append([]ast.Expr{call.Target()}, values...)
	}
	unknown := 0
	for _, value := range values {
		if value.Kind() != ast.LiteralKind {
			unknown++
		}
	}
	return unknown > 1
}

// isFunction reports whether a name is that of a function and not of an operator, such as _+_.
func isFunction(name string) bool { return name != "" && unicode.IsLetter(rune(name[0])) }

// innermostLoop returns the id of the most deeply nested loop; zero: no loop is nested in another.
func innermostLoop(e ast.Expr) int64 {
	var found int64
	var visit func(e ast.Expr, depth int)
	deepest := 1
	visit = func(e ast.Expr, depth int) {
		for _, child := range children(e) {
			visit(child, depth)
		}
		if e.Kind() != ast.ComprehensionKind {
			return
		}
		loop := e.AsComprehension()
		if loop.IterRange().Kind() == ast.ListKind && loop.IterRange().AsList().Size() == 0 {
			depth-- // a macro that only names a value
		}
		if depth++; depth > deepest {
			deepest, found = depth, e.ID()
		}
		visit(loop.LoopCondition(), depth)
		visit(loop.LoopStep(), depth)
	}
	visit(e, 0)
	return found
}

// children returns the parts of an expression that are evaluated once with it.
func children(e ast.Expr) []ast.Expr {
	switch e.Kind() {
	case ast.CallKind:
		if call := e.AsCall(); call.IsMemberFunction() {
			return append([]ast.Expr{call.Target()}, call.Args()...)
		}
		return e.AsCall().Args()
	case ast.SelectKind:
		return []ast.Expr{e.AsSelect().Operand()}
	case ast.ListKind:
		return e.AsList().Elements()
	case ast.MapKind:
		var parts []ast.Expr
		for _, entry := range e.AsMap().Entries() {
			parts = append(parts, entry.AsMapEntry().Key(), entry.AsMapEntry().Value())
		}
		return parts
	case ast.StructKind:
		var parts []ast.Expr
		for _, field := range e.AsStruct().Fields() {
			parts = append(parts, field.AsStructField().Value())
		}
		return parts
	case ast.ComprehensionKind:
		loop := e.AsComprehension()
		return []ast.Expr{loop.IterRange(), loop.AccuInit(), loop.Result()}
	default:
		return nil
	}
}
