package reward

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
)

// mostFindings is how many findings one message has: further ones mostly follow from the first.
const mostFindings = 3

// errorOf returns one error, on one line, for all findings.
func errorOf(findings ...Finding) error {
	var lines []string
	for i, f := range findings {
		if i == mostFindings {
			lines = append(lines, fmt.Sprintf("and %d more", len(findings)-i))
			break
		}
		lines = append(lines, f.String())
	}
	return errors.New(strings.Join(lines, "; "))
}

// readable returns an error if the text cannot be an expression, before it is parsed.
func readable(text string) error {
	switch {
	case !utf8.ValidString(text):
		return errorOf(Finding{1, 1, "is not valid UTF-8"})
	case strings.TrimSpace(text) == "":
		return errorOf(Finding{1, 1, "is empty: leave the field out if there is no condition"})
	}
	if length := utf8.RuneCountInString(text); length > maxConditionLength {
		return errorOf(Finding{1, 1, fmt.Sprintf("has %d characters: at most %d", length, maxConditionLength)})
	}
	if doubling := strings.Count(text, "optMap") + strings.Count(text, "optFlatMap"); doubling > maxOptMaps {
		return errorOf(Finding{1, 1, fmt.Sprintf("has %d of optMap and optFlatMap: at most %d", doubling, maxOptMaps)})
	}
	return nil
}

func notBool(t *cel.Type) Finding {
	switch {
	case isOptional(t):
		return Finding{1, 1, "may have no value: must be true or false; end it with .orValue(false), or compare what .orValue(…) returns"}
	case t.Kind() == types.DynKind:
		return Finding{1, 1, "is a value of any type: must be true or false; compare it, as in … == true"}
	}
	return Finding{1, 1, fmt.Sprintf("is of type %s: must be true or false, such as a comparison", cel.FormatCELType(t))}
}

// syntaxErrors returns the first syntax error: it causes the others.
func syntaxErrors(text string, issues *cel.Issues) error {
	found := slices.MinFunc(issues.Errors(), func(a, b *cel.Error) int {
		return cmp.Or(
			-cmp.Compare(min(a.Location.Line(), 1), min(b.Location.Line(), 1)), // errors without a position last
			cmp.Compare(a.Location.Line(), b.Location.Line()),
			cmp.Compare(a.Location.Column(), b.Location.Column()),
		)
	})
	f := placed(found)
	before, rest := split(text, found.Location)
	f.Text = syntaxHint(found.Message, before, rest)
	return errorOf(f)
}

var (
	// expectations matches the list of tokens that could come instead.
	expectations = regexp.MustCompile(` expecting .*`)
	unexpected   = regexp.MustCompile(`^(?:extraneous input|mismatched input|token recognition error at:) ('.*')$`)
	tooDeep      = regexp.MustCompile(`recursion (limit|depth) exceeded`)
)

func syntaxHint(message, before, rest string) string {
	message = expectations.ReplaceAllString(strings.TrimPrefix(message, "Syntax error: "), "")
	word, _, _ := strings.Cut(rest, " ")
	first, _ := utf8.DecodeRuneInString(rest)
	switch {
	case strings.Contains(message, "<EOF>"):
		return "ends where a value should follow"
	case tooDeep.MatchString(message):
		return fmt.Sprintf("is nested more than %d levels deep", maxDepth)
	case rest == "":
		return oneLine(message)
	case strings.HasPrefix(rest, "="):
		return "'=' is no operator: write '==' to compare"
	case strings.HasPrefix(rest, "&"), strings.HasPrefix(rest, "|"):
		return fmt.Sprintf("%q is no operator: write '&&' or '||'", rest[:1])
	case strings.HasPrefix(rest, "<>"):
		return "'<>' is no operator: write '!='"
	case strings.ContainsRune("‘’“”„´`", first):
		return fmt.Sprintf("%q is no quotation mark of CEL: write ' or \"", string(first))
	case rest[0] == '\'' || rest[0] == '"':
		if strings.Contains(message, "token recognition") {
			return "the text that begins here does not end: close it with " + rest[:1]
		}
	case strings.EqualFold(word, "and"):
		return fmt.Sprintf("%q is no operator: write '&&'", word)
	case strings.EqualFold(word, "or"):
		return fmt.Sprintf("%q is no operator: write '||'", word)
	case strings.HasSuffix(strings.ToLower(" "+before), " not "):
		return fmt.Sprintf("%q is no operator: write '!' before what is to be false", before[len(before)-4:len(before)-1])
	}
	return oneLine(unexpected.ReplaceAllString(message, "$1 is not expected here"))
}

// split splits the line of a position into the parts before and after it.
func split(text string, at common.Location) (before, rest string) {
	lines := strings.Split(text, "\n")
	if at.Line() < 1 || at.Line() > len(lines) {
		return "", ""
	}
	line := []rune(lines[at.Line()-1])
	column := min(max(0, at.Column()), len(line))
	return string(line[:column]), string(line[column:])
}

// typeErrors returns the findings of the type checker in plain words.
func typeErrors(parsed *cel.Ast, issues *cel.Issues) error {
	tree := parsed.NativeRep()
	parents := map[int64]ast.Expr{}
	nodes := map[int64]ast.Expr{}
	ast.PreOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		nodes[e.ID()] = e
		for _, child := range children(e) {
			parents[child.ID()] = e
		}
	}))
	var findings []Finding
	for _, issue := range issues.Errors() {
		f := placed(issue)
		node := nodes[issue.ExprID]
		switch {
		case node != nil && node.Kind() == ast.IdentKind && undeclared.MatchString(issue.Message):
			f.Text = unknownName(node.AsIdent(), parents[issue.ExprID])
		default:
			f.Text = typeHint(issue.Message)
		}
		if !slices.Contains(findings, f) {
			findings = append(findings, f)
		}
	}
	return errorOf(findings...)
}

// unknownName describes an unknown name and says which names exist.
func unknownName(name string, parent ast.Expr) string {
	fields := fieldsOf(name)
	if fields == nil {
		for _, group := range factGroups {
			if slices.Contains(fieldsOf(group), name) {
				return fmt.Sprintf("there is no %q by itself: write %s.%s", name, group, name)
			}
		}
		return fmt.Sprintf("there is no %q: there are purchase, signup and link; text stands in quotes, as in '%s'", name, name)
	}
	if parent != nil && parent.Kind() == ast.SelectKind {
		selected := parent.AsSelect()
		switch {
		case !slices.Contains(fields, selected.FieldName()):
			return fmt.Sprintf("%s has no %q: it has %s", name, selected.FieldName(), strings.Join(fields, ", "))
		case selected.IsTestOnly():
			return fmt.Sprintf("%s.%s is always there: has() is for keys of attributes", name, selected.FieldName())
		}
	}
	return fmt.Sprintf("%s cannot be used alone: write one of %s.%s", name, name, strings.Join(fields, ", "+name+"."))
}

var factGroups = []string{"purchase", "signup", "link"}

// fieldsOf returns the fields of purchase, signup or link; nil for another name.
func fieldsOf(group string) []string {
	var fields []string
	for _, fact := range facts {
		if field, ok := strings.CutPrefix(fact.name, group+"."); ok {
			fields = append(fields, field)
		}
	}
	return fields
}

var (
	undeclared = regexp.MustCompile(`^undeclared reference to '(.*?)'`)
	noOverload = regexp.MustCompile(`^found no matching overload for '(.*?)' applied to '(.*)'$`)
)

// literals has plain words for the checker's messages about invalid literals.
var literals = map[string]string{
	"invalid matches argument":   "must be a regular expression of RE2",
	"invalid timestamp argument": "must be a time such as '2026-01-31T00:00:00Z'",
	"invalid duration argument":  "must be a duration such as '24h', '90m' or '30s'",
}

// typeHint translates a message of the type checker into plain words.
func typeHint(message string) string {
	if m := undeclared.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("there is no function %q", m[1])
	}
	if hint, ok := literals[message]; ok {
		return hint
	}
	m := noOverload.FindStringSubmatch(message)
	if m == nil {
		return oneLine(message)
	}
	if m[1] == operators.Conditional {
		return "what stands on both sides of ':' must be of the same type, and a condition before '?'"
	}
	function, given := m[1], plainTypes.Replace(m[2])
	if symbol, ok := operators.FindReverse(function); ok && symbol != "" {
		function = symbol
	}
	hint := fmt.Sprintf("'%s' does not work on %s", function, given)
	switch given {
	case "(timestamp, string)", "(string, timestamp)":
		hint += ": write a time as timestamp('2026-01-31T00:00:00Z')"
	case "(duration, string)", "(string, duration)":
		hint += ": write a duration as duration('24h')"
	case "(int, string)", "(string, int)":
		hint += ": numbers stand without quotes, and texts in quotes"
	}
	if strings.Contains(given, "optional_type") {
		hint += ": say what to take where there is none, with .orValue(…)"
	}
	return hint
}

var plainTypes = strings.NewReplacer("google.protobuf.Timestamp", "timestamp", "google.protobuf.Duration", "duration")

func placed(e *cel.Error) Finding {
	return Finding{Line: max(1, e.Location.Line()), Column: max(1, e.Location.Column()+1)}
}

func findingAt(tree *ast.AST, id int64, text string) Finding {
	at := tree.SourceInfo().GetStartLocation(id)
	return Finding{Line: max(1, at.Line()), Column: max(1, at.Column()+1), Text: text}
}

// oneLine joins a message to one line and shortens it to 300 characters.
func oneLine(message string) string {
	const longest = 300
	runes := []rune(strings.Join(strings.Fields(message), " "))
	if len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return string(runes)
}

func isOptional(t *cel.Type) bool {
	return t.Kind() == types.OpaqueKind && t.TypeName() == "optional_type"
}
