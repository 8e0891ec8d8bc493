package view

import (
	"fmt"
	"strings"
)

// Markdown shows steps as a comment on a pull request.
func Markdown(steps []*Step) string {
	var m markdown
	m.line("### What this would pay")
	for _, step := range steps {
		m.step(step)
	}
	if len(steps) == 0 {
		m.line("")
		m.line("No campaign follows what changes here.")
	}
	return m.text.String()
}

// markdown is a text of GitHub-flavoured Markdown.
type markdown struct{ text strings.Builder }

func (m *markdown) line(text string) { m.text.WriteString(text + "\n") }

// escape returns a text without a meaning in Markdown or HTML, which mentions no user.
func escape(text string) string {
	return strings.NewReplacer(
		"\\", "\\\\", "`", "\\`", "|", "\\|", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]", "~", "\\~", "#", "\\#",
		"<", "&lt;", ">", "&gt;", "&", "&amp;", "@", "@\u200b", "://", ":\u200b//",
	).Replace(clean(text))
}

func (m *markdown) row(cells ...string) { m.line("| " + strings.Join(cells, " | ") + " |") }

func (m *markdown) step(s *Step) {
	m.line("")
	m.line("#### " + escape(s.title()))
	m.line("")
	if !s.Changes() {
		m.line("No change.")
		return
	}
	m.line(escape(s.message()))
	m.edits(s.Edits)
	status := &s.Plan.Status
	if len(status.Effects) > 0 {
		m.line("")
		m.row("existing pairs", "granted", "taken back", "held up", "held down")
		m.row("---", "---:", "---:", "---:", "---:")
		for _, e := range status.Effects {
			m.row(escape(e.Currency), bolded("+", e.Granted.Up), bolded("-", e.Granted.Down), bolded("+", e.Held.Up), bolded("-", e.Held.Down))
		}
	}
	if len(status.Forward) > 0 {
		m.line("")
		m.row("new pairs, by the last 30 days", "in force", "proposed", "")
		m.row("---", "---:", "---:", "---:")
		for _, f := range status.Forward {
			m.row(escape(f.Currency), escape(f.Last30Days.InForce), escape(f.Last30Days.Proposed), escape(growth(f.Last30Days)))
		}
	}
	m.notes(s)
}

func (m *markdown) edits(edits []Edit) {
	first := true
	for _, edit := range edits {
		for _, change := range edit.Changes {
			if first {
				m.line("")
				m.row("field", "now", "proposed")
				m.row("---", "---", "---")
				first = false
			}
			m.row(escape(edit.Object+" "+change.Path), escape(change.Now), escape(change.Proposed))
		}
	}
}

// bolded is an amount with its sign, in bold unless it is zero.
func bolded(sign, amount string) string {
	if decimal(amount).Sign() == 0 {
		return escape(amount)
	}
	return "**" + sign + escape(amount) + "**"
}

func (m *markdown) notes(s *Step) {
	status := &s.Plan.Status
	var notes []string
	if status.Pairs != nil {
		notes = append(notes, "Pairs: "+pairsOf(status.Pairs))
	}
	if len(status.Reasons) > 0 {
		notes = append(notes, "Earn nothing: "+reasonsOf(status.Reasons))
	}
	for _, l := range status.Largest {
		notes = append(notes, fmt.Sprintf("%s %s for %s", l.Change, l.Currency, l.BeneficiaryID))
	}
	if status.Estimate {
		notes = append(notes, "The sums are an estimate: they depend on the order in which pairs are decided. No budget is exceeded")
	}
	if status.StepDigest != "" && !s.Approval {
		notes = append(notes, "Step: "+status.StepDigest)
	}
	m.line("")
	for _, note := range notes {
		m.line("- " + escape(note))
	}
	if status.StepDigest != "" && s.Approval {
		m.line("")
		m.line("To approve this step, add to ReferralCampaign " + escape(s.Plan.Spec.CampaignRef.Name) + ":")
		m.line("")
		m.line("```yaml")
		m.text.WriteString(approvalOf(status))
		m.line("```")
	}
}
