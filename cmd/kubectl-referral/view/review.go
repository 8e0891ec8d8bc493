package view

import (
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// Review shows the answer of a review.
func Review(o Options, r *v1alpha1.RewardReview) string {
	p := newPage(o)
	p.reviewTitle(r)
	if r.Status.Summary != "" {
		p.paragraph(plain, "  ", r.Status.Summary)
	}
	if r.Status.Pending != "" {
		p.paragraph(yellow, "  ! ", r.Status.Pending)
	}
	p.remedy("  ", r.Status.Remedy)
	for i := range r.Status.Purchases {
		p.purchase(&r.Status.Purchases[i])
	}
	if r.Status.Friends != nil {
		p.friends(r)
	}
	p.timeline(r.Status.Timeline)
	if r.Status.Truncated {
		p.line()
		p.paragraph(yellow, "  ! ", "There is more than is listed here.")
	}
	return p.String()
}

func (p *page) reviewTitle(r *v1alpha1.RewardReview) {
	subject := "User " + string(r.Spec.UserID)
	if r.Spec.ReferrerID != "" {
		subject = "Referrer " + string(r.Spec.ReferrerID)
	}
	p.title(subject, "")
	a := r.Status.Attribution
	if a == nil {
		return
	}
	how := "used at " + moment(a.TouchedAt.Time) + " UTC"
	if a.Source == "Code" {
		how = "whose code came with the signup"
	}
	p.paragraph(faint, "  ", fmt.Sprintf("invited by %s to campaign %s, through link %s, %s", a.ReferrerID, a.Campaign, a.Code, how))
}

// remedy says what has to happen for a credit.
func (p *page) remedy(indent, remedy string) {
	if remedy != "" {
		p.paragraph(bold, indent+"→ ", remedy)
	}
}

// colors of the states of a pair.
var colors = map[string]color{
	"Granted": green, "Held": green, "Waiting": yellow, "Undecided": yellow, "Reversed": red, "NotCounting": red,
	"AwaitingPurchase": yellow,
}

func (p *page) purchase(purchase *v1alpha1.ReviewedPurchase) {
	p.line()
	state := purchase.State
	if purchase.Reason != "" && purchase.Reason != "Qualified" {
		state += ": " + purchase.Reason
	}
	p.title("Purchase "+purchase.PurchaseID, "")
	p.purchaseFacts(purchase, state)
	p.remedy("  ", purchase.Remedy)
	if len(purchase.Checks) > 0 {
		p.line()
		var rows [][]cell
		for _, check := range purchase.Checks {
			mark, c := "✓", green
			if !check.Passed {
				mark, c = "✗", red
			}
			rows = append(rows, []cell{painted(c, mark), left(check.Rule), left(check.Detail)})
		}
		p.rows(2, rows, 2)
	}
	if len(purchase.Ledger) > 0 {
		p.line()
		rows := [][]cell{{head("LEDGER"), headRight("AMOUNT"), head("FOR"), head("REWARD"), head("REASON"), headRight("REVISION")}}
		for _, e := range purchase.Ledger {
			rows = append(rows, []cell{
				left(moment(e.EnteredAt.Time) + " " + e.Kind), right(e.Amount), left(e.BeneficiaryID), left(e.Reward), left(e.Reason), right(strconv.FormatInt(e.Revision, 10)),
			})
		}
		p.rows(2, rows, 2)
	}
}

func (p *page) purchaseFacts(purchase *v1alpha1.ReviewedPurchase, state string) {
	rows := [][]cell{{head("state"), painted(colors[purchase.State], state)}}
	fact := func(name, value string) { rows = append(rows, []cell{head(name), left(value)}) }
	if purchase.Net != "" {
		fact("net", purchase.Net)
	}
	if purchase.PurchasedAt != nil {
		fact("bought", moment(purchase.PurchasedAt.Time)+" UTC")
	}
	if purchase.Campaign != "" {
		terms := purchase.Campaign
		if purchase.Revision > 0 {
			terms += fmt.Sprintf(", revision %d, %s", purchase.Revision, shortDigest(purchase.Digest))
		}
		fact("terms", strings.TrimSuffix(terms, ", "))
	}
	for _, c := range purchase.Credits {
		fact("earns", fmt.Sprintf("%s for %s (%s)", c.Amount, c.BeneficiaryID, c.Reward))
	}
	if purchase.MaturesAt != nil {
		fact("held until", moment(purchase.MaturesAt.Time)+" UTC")
	}
	if purchase.Pending && purchase.State != "Undecided" {
		fact("recorded", "not yet: this is how it is decided now")
	}
	p.rows(2, rows, 2)
}

func (p *page) timeline(events []v1alpha1.ReviewedEvent) {
	if len(events) == 0 {
		return
	}
	p.line()
	p.line(p.paint(bold, "Timeline"), p.paint(faint, "   UTC"))
	var rows [][]cell
	for _, e := range events {
		var about []string
		for _, part := range []string{e.Amount, e.PurchaseID, e.Code} {
			if part != "" {
				about = append(about, part)
			}
		}
		if e.Campaign != "" {
			about = append(about, "of campaign "+e.Campaign)
		}
		if e.Lost != "" {
			about = append(about, "("+e.Lost+")")
		}
		rows = append(rows, []cell{head(moment(e.At.Time)), left(e.What), left(strings.Join(about, " "))})
	}
	p.rows(2, rows, 2)
}

func (p *page) friends(r *v1alpha1.RewardReview) {
	f := r.Status.Friends
	p.line()
	var rows [][]cell
	for _, stage := range []struct {
		name  string
		count int64
	}{
		{"AwaitingPurchase", f.ByStage.AwaitingPurchase}, {"Waiting", f.ByStage.Waiting}, {"Held", f.ByStage.Held},
		{"Granted", f.ByStage.Granted}, {"Reversed", f.ByStage.Reversed},
	} {
		rows = append(rows, []cell{painted(colors[stage.name], stage.name), right(strconv.FormatInt(stage.count, 10))})
	}
	p.table(rows)
	if len(f.Newest) == 0 {
		return
	}
	p.line()
	rows = [][]cell{{head("FRIEND"), head("SIGNED UP"), head("CAMPAIGN"), head("STAGE"), head("REASON")}}
	for _, friend := range f.Newest {
		rows = append(rows, []cell{
			left(friend.UserID), left(moment(friend.SignedUpAt.Time)), left(friend.Campaign),
			painted(colors[friend.Stage], friend.Stage), left(friend.Reason),
		})
	}
	p.table(rows)
	if f.Next != "" {
		p.line()
		p.line("  ", p.paint(faint, "older friends: --after "+quoted(f.Next)))
	}
}

// Unanswered is why a review has no answer yet.
func Unanswered(r *v1alpha1.RewardReview) string {
	ready := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ReadyCondition)
	if ready == nil {
		return "no operator has noticed the question yet"
	}
	return ready.Reason + ": " + ready.Message
}
