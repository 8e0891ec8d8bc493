package view

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// Step is an edit and the plan that answers what it would pay.
type Step struct {
	Plan     *v1alpha1.RewardPlan
	Edits    []Edit
	New      bool // the campaign does not exist yet
	Approval bool // the campaign's edits wait for an approval
}

// Changes reports whether the step changes a spec, or moves a pair.
func (s *Step) Changes() bool {
	for _, edit := range s.Edits {
		if len(edit.Changes) > 0 {
			return true
		}
	}
	pairs := s.Plan.Status.Pairs
	return s.New || s.deletes() || pairs != nil && pairs.Granted+pairs.Reversed+pairs.Held+pairs.Waiting > 0
}

func (s *Step) deletes() bool { return s.Plan.Spec.Proposed != nil && s.Plan.Spec.Proposed.Delete }

// title says what the step does to the campaign.
func (s *Step) title() string {
	name := s.Plan.Namespace + "/" + s.Plan.Spec.CampaignRef.Name
	switch {
	case s.deletes():
		return "Delete ReferralCampaign " + name + " and reverse its credits"
	case s.New:
		return "Create ReferralCampaign " + name
	default:
		return "Edit ReferralCampaign " + name
	}
}

// message is what the operator says about the plan.
func (s *Step) message() string {
	if ready := meta.FindStatusCondition(s.Plan.Status.Conditions, v1alpha1.ReadyCondition); ready != nil {
		return ready.Message
	}
	return ""
}

// Plan shows what one step would pay.
func Plan(o Options, s *Step) string {
	p := newPage(o)
	p.title(s.title(), "")
	if !s.Changes() {
		p.line("  No change.")
		return p.String()
	}
	p.paragraph(plain, "  ", s.message())
	p.edits(s.Edits)
	p.effects(s.Plan.Status.Effects)
	p.forward(s.Plan.Status.Forward)
	p.counts(&s.Plan.Status)
	if s.Plan.Status.Estimate {
		p.line()
		p.paragraph(yellow, "  ", "The sums are an estimate: they depend on the order in which pairs are decided. No budget is exceeded.")
	}
	p.approval(s)
	return p.String()
}

func (p *page) edits(edits []Edit) {
	rows := [][]cell{{head("FIELD"), head("NOW"), head("PROPOSED")}}
	for _, edit := range edits {
		for _, change := range edit.Changes {
			rows = append(rows, []cell{left(edit.Object + " " + change.Path), orUnset(red, change.Now), orUnset(green, change.Proposed)})
		}
	}
	if len(rows) > 1 {
		p.line()
		p.table(rows)
	}
}

func orUnset(c color, value string) cell {
	if value == "" {
		return cell{text: "(not set)", color: faint}
	}
	return painted(c, value)
}

func (p *page) effects(effects []v1alpha1.PlanEffect) {
	if len(effects) == 0 {
		return
	}
	p.line()
	rows := [][]cell{{head("EXISTING PAIRS"), headRight("GRANTED"), headRight("TAKEN BACK"), headRight("HELD UP"), headRight("HELD DOWN")}}
	for _, e := range effects {
		rows = append(rows, []cell{
			left(e.Currency), signed("+", green, e.Granted.Up), signed("-", red, e.Granted.Down),
			signed("+", green, e.Held.Up), signed("-", red, e.Held.Down),
		})
	}
	p.table(rows)
}

// signed is an amount with its sign; zero has neither sign nor colour.
func signed(sign string, c color, amount string) cell {
	if decimal(amount).Sign() == 0 {
		return right(amount)
	}
	return cell{text: sign + clean(amount), color: c, right: true}
}

func (p *page) forward(forward []v1alpha1.PlanForward) {
	if len(forward) == 0 {
		return
	}
	p.line()
	rows := [][]cell{{head("NEW PAIRS, BY THE LAST 30 DAYS"), headRight("IN FORCE"), headRight("PROPOSED"), headRight("")}}
	for _, f := range forward {
		rows = append(rows, []cell{left(f.Currency), right(f.Last30Days.InForce), right(f.Last30Days.Proposed), right(growth(f.Last30Days))})
	}
	p.table(rows)
}

// growth is the difference in percent of the sum in force; empty: there is none, or nothing is in
// force.
func growth(c v1alpha1.PlanComparison) string {
	before, after := decimal(c.InForce), decimal(c.Proposed)
	if before.Sign() == 0 || before.Cmp(after) == 0 {
		return ""
	}
	share, _ := new(big.Rat).Quo(new(big.Rat).Sub(after, before), before).Float64()
	return fmt.Sprintf("%+.1f %%", share*100)
}

func (p *page) counts(status *v1alpha1.RewardPlanStatus) {
	var rows [][]cell
	if pairs := status.Pairs; pairs != nil {
		rows = append(rows, []cell{head("pairs"), left(pairsOf(pairs))})
	}
	if len(status.Reasons) > 0 {
		rows = append(rows, []cell{head("earn nothing"), left(reasonsOf(status.Reasons))})
	}
	for i, l := range status.Largest {
		label := ""
		if i == 0 {
			label = "largest"
		}
		rows = append(rows, []cell{head(label), left(fmt.Sprintf("%s %s  %s", l.Change, l.Currency, l.BeneficiaryID))})
	}
	if len(rows) > 0 {
		p.line()
		p.table(rows)
	}
}

func pairsOf(pairs *v1alpha1.PlannedPairs) string {
	return fmt.Sprintf("%d granted, %d held, %d waiting, %d reversed; %d unchanged",
		pairs.Granted, pairs.Held, pairs.Waiting, pairs.Reversed, pairs.Unchanged)
}

func reasonsOf(reasons []v1alpha1.PlannedReason) string {
	parts := make([]string, 0, len(reasons))
	for _, r := range reasons {
		parts = append(parts, strconv.FormatInt(r.Pairs, 10)+" "+r.Reason)
	}
	return strings.Join(parts, ", ")
}

// approval shows the step digest; where edits wait for an approval, as the fields to paste. No
// operator that is released makes edits wait yet.
func (p *page) approval(s *Step) {
	if s.Plan.Status.StepDigest == "" {
		return
	}
	p.line()
	if !s.Approval {
		p.table([][]cell{{head("step"), left(s.Plan.Status.StepDigest)}})
		return
	}
	p.paragraph(plain, "  ", "To approve this step, add to ReferralCampaign "+s.Plan.Spec.CampaignRef.Name+":")
	for line := range strings.Lines(approvalOf(&s.Plan.Status)) {
		p.line("    ", strings.TrimSuffix(line, "\n"))
	}
}

// approvalOf is the part of a campaign's manifest that approves a step, with the ceilings that it
// needs.
func approvalOf(status *v1alpha1.RewardPlanStatus) string {
	var text strings.Builder
	fmt.Fprintf(&text, "spec:\n  rollout:\n    approved:\n      stepDigest: %s\n", clean(status.StepDigest))
	if len(status.Effects) > 0 {
		text.WriteString("      ceilings:\n")
	}
	for _, e := range status.Effects {
		fmt.Fprintf(&text, "      - {currency: %s, increase: %q, decrease: %q}\n",
			clean(e.Currency), add(e.Granted.Up, e.Held.Up), add(e.Granted.Down, e.Held.Down))
	}
	return text.String()
}

// add adds two amounts of one currency.
func add(a, b string) string {
	decimals := 0
	for _, amount := range []string{a, b} {
		if _, fraction, found := strings.Cut(amount, "."); found {
			decimals = max(decimals, len(fraction))
		}
	}
	return new(big.Rat).Add(decimal(a), decimal(b)).FloatString(decimals)
}
