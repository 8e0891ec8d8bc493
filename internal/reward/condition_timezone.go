package reward

import (
	"fmt"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
)

// timeZones reports literal time zones that do not exist, so that they are found when the policy is
// applied and not at every purchase.
type timeZones struct{}

// Name implements cel.ASTValidator.
func (timeZones) Name() string { return "referral.validator.timezone" }

// Validate checks each call such as getHours('Europe/Berlin').
func (timeZones) Validate(_ *cel.Env, _ cel.ValidatorConfig, tree *ast.AST, issues *cel.Issues) {
	ast.PreOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || !e.AsCall().IsMemberFunction() || len(e.AsCall().Args()) != 1 {
			return
		}
		call := e.AsCall()
		zone := call.Args()[0]
		if tree.GetType(call.Target().ID()).Kind() != types.TimestampKind || zone.Kind() != ast.LiteralKind {
			return
		}
		if name, ok := zone.AsLiteral().Value().(string); ok && !isTimeZone(name) {
			issues.ReportErrorAtID(zone.ID(), "%s", fmt.Sprintf("there is no time zone %q: write one such as 'Europe/Berlin' or '+02:00'", name))
		}
	}))
}

func isTimeZone(name string) bool {
	if name == "Local" {
		return false // differs from machine to machine
	}
	if _, err := time.Parse("-07:00", name); err == nil {
		return true
	}
	_, err := time.LoadLocation(name)
	return err == nil
}
