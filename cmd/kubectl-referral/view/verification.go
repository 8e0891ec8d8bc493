package view

import (
	"fmt"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// Verification shows what the last verification of a database found.
func Verification(o Options, d *v1alpha1.AttributionDatabase) string {
	p := newPage(o)
	v := d.Status.Verification
	name := d.Namespace + "/" + d.Name
	if v.Violations == 0 {
		p.marked(green, "✓ ", "The ledger of AttributionDatabase "+name+" is consistent.")
		return p.String()
	}
	p.marked(red, "✗ ", fmt.Sprintf("The ledger of AttributionDatabase %s has %s.", name, plural(v.Violations, "violation")))
	if len(v.Examples) == 0 {
		return p.String()
	}
	rows := [][]cell{{head("RULE"), head("KEY")}}
	for _, e := range v.Examples {
		rows = append(rows, []cell{painted(red, e.Rule), left(e.Key)})
	}
	p.line()
	p.table(rows)
	p.line()
	for _, e := range v.Examples {
		if e.Detail != "" {
			p.paragraph(plain, "  "+cut(clean(e.Key), Width/2)+": ", e.Detail)
		}
	}
	if more := v.Violations - int64(len(v.Examples)); more > 0 {
		p.line(fmt.Sprintf("  and %d more", more))
	}
	return p.String()
}

// VerificationProgress shows how far a verification has come, in one line.
func VerificationProgress(p *v1alpha1.VerificationProgress) string {
	return fmt.Sprintf("verifying %s %d of about %d referees", bar(float64(p.Verified), float64(p.Total), 30), p.Verified, p.Total)
}
