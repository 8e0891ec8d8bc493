package reward

import (
	"fmt"
	"maps"
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/parser"
)

// unguardedReads finds reads of attributes whose key may be missing. Then the condition ends in an
// error and the purchase does not count, which is rarely meant. A key is guarded by an optional
// read ([?'key']) or by a test that is true wherever the read matters:
//
//	has(m.key) && m.key == 1    'key' in m ? m.key == 1 : …    !has(m.key) || m.key == 1
//
// The order of the operands of && and || does not matter, as in CEL.
func unguardedReads(tree *ast.AST) []Finding {
	r := reads{tree: tree}
	r.walk(tree.Expr(), nil)
	return r.found
}

type reads struct {
	tree  *ast.AST
	found []Finding
}

// present are keys that are known to exist, as keyIn writes them.
type present map[string]bool

func (p present) and(more present) present {
	if len(more) == 0 {
		return p
	}
	both := maps.Clone(more)
	maps.Copy(both, p)
	return both
}

// walk checks an expression and all its parts, and reports whether a key at the root of its chain
// of keys (a.b.c) is unguarded. It adds one finding per chain.
func (r *reads) walk(e ast.Expr, known present) (unguarded bool) {
	switch e.Kind() {
	case ast.SelectKind:
		selected := e.AsSelect()
		unguarded = r.walk(selected.Operand(), known)
		if unguarded || selected.IsTestOnly() {
			return unguarded
		}
		return r.read(e, selected.Operand(), fmt.Sprintf("'%s'", selected.FieldName()), known)
	case ast.CallKind:
		return r.walkCall(e, known)
	case ast.ComprehensionKind:
		r.walkLoop(e.AsComprehension(), known)
		return false
	default:
		for _, child := range children(e) {
			r.walk(child, known)
		}
		return false
	}
}

func (r *reads) walkCall(e ast.Expr, known present) (unguarded bool) {
	call := e.AsCall()
	args := call.Args()
	switch call.FunctionName() {
	case operators.Index:
		r.walk(args[1], known)
		if r.walk(args[0], known) {
			return true
		}
		return r.read(e, args[0], r.text(args[1]), known)
	case operators.LogicalAnd, operators.LogicalOr:
		decides := call.FunctionName() == operators.LogicalAnd
		r.walk(args[0], known.and(r.proves(args[1], decides)))
		r.walk(args[1], known.and(r.proves(args[0], decides)))
		return false
	case operators.Conditional:
		r.walk(args[0], known)
		r.walk(args[1], known.and(r.proves(args[0], true)))
		r.walk(args[2], known.and(r.proves(args[0], false)))
		return false
	}
	for _, child := range children(e) {
		r.walk(child, known)
	}
	return false
}

// walkLoop checks a macro: the keys that it iterates over exist.
func (r *reads) walkLoop(loop ast.ComprehensionExpr, known present) {
	r.walk(loop.IterRange(), known)
	r.walk(loop.AccuInit(), known)
	known = known.and(present{keyIn(r.text(loop.IterRange()), loop.IterVar()): true})
	for _, part := range []ast.Expr{loop.LoopCondition(), loop.LoopStep(), loop.Result()} {
		r.walk(part, known)
	}
}

// read adds a finding if the key may be missing.
func (r *reads) read(e, of ast.Expr, index string, known present) (unguarded bool) {
	switch kind := r.tree.GetType(of.ID()).Kind(); {
	case kind != types.MapKind && kind != types.DynKind && kind != types.ListKind:
		return false // such as an optional
	case of.Kind() == ast.MapKind || of.Kind() == ast.ListKind:
		return false // a literal
	case known[keyIn(r.text(of), index)]:
		return false
	}
	object := r.text(of)
	r.found = append(r.found, findingAt(r.tree, e.ID(), fmt.Sprintf(
		"where %s has no %s the condition breaks off and the purchase does not count: read %s[?%s].orValue(…), or test %s in %s as well",
		object, index, object, index, index, object)))
	return true
}

// proves returns the keys that exist if the expression has the outcome.
func (r *reads) proves(e ast.Expr, outcome bool) present {
	if e.Kind() == ast.SelectKind {
		if tested := e.AsSelect(); tested.IsTestOnly() && outcome {
			return present{keyIn(r.text(tested.Operand()), fmt.Sprintf("'%s'", tested.FieldName())): true}
		}
		return nil
	}
	if e.Kind() != ast.CallKind {
		return nil
	}
	call := e.AsCall()
	args := call.Args()
	switch name := call.FunctionName(); {
	case name == operators.LogicalNot:
		return r.proves(args[0], !outcome)
	case name == operators.LogicalAnd && outcome, name == operators.LogicalOr && !outcome:
		return r.proves(args[0], outcome).and(r.proves(args[1], outcome))
	case name == operators.In && outcome:
		return present{keyIn(r.text(args[1]), r.text(args[0])): true}
	case name == "hasValue" && outcome:
		return r.provesOptional(call.Target())
	}
	return nil
}

// provesOptional returns the key of m[?'key'].hasValue() and m.?key.hasValue().
func (r *reads) provesOptional(e ast.Expr) present {
	if e == nil || e.Kind() != ast.CallKind {
		return nil
	}
	switch call := e.AsCall(); call.FunctionName() {
	case operators.OptIndex, operators.OptSelect:
		return present{keyIn(r.text(call.Args()[0]), r.text(call.Args()[1])): true}
	}
	return nil
}

// keyIn returns a key of an object as it is written in present.
func keyIn(object, index string) string { return object + "[" + index + "]" }

// text returns the source of an expression, with every key in brackets, so that equal reads have
// equal texts.
func (r *reads) text(e ast.Expr) string {
	switch {
	case e.Kind() == ast.SelectKind && !e.AsSelect().IsTestOnly():
		return keyIn(r.text(e.AsSelect().Operand()), fmt.Sprintf("'%s'", e.AsSelect().FieldName()))
	case e.Kind() == ast.CallKind && e.AsCall().FunctionName() == operators.Index:
		return keyIn(r.text(e.AsCall().Args()[0]), r.text(e.AsCall().Args()[1]))
	case e.Kind() == ast.LiteralKind:
		if s, ok := e.AsLiteral().Value().(string); ok {
			return "'" + strings.ReplaceAll(s, "'", `\'`) + "'"
		}
	}
	text, err := parser.Unparse(e, r.tree.SourceInfo())
	if err != nil {
		return "…"
	}
	return oneLine(text)
}
