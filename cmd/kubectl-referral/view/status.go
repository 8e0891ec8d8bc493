package view

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// Campaign shows one campaign: its pairs from signup to credit, its money, its database, and what a
// person should know or do. The database may be nil: it does not exist, or may not be read.
func Campaign(o Options, campaign *v1alpha1.ReferralCampaign, database *v1alpha1.AttributionDatabase) string {
	p := newPage(o)
	p.title("ReferralCampaign "+campaign.Namespace+"/"+campaign.Name, p.ready(campaign))
	p.findings("  ", campaignFindings(campaign))
	p.line()
	p.facts(campaign, database)
	p.line()
	p.funnel(campaign.Status.Pairs)
	p.line()
	p.money(campaign)
	if database == nil {
		return p.String()
	}
	if found := databaseFindings(database, o.Now); len(found) > 0 {
		p.line()
		p.title("AttributionDatabase "+database.Namespace+"/"+database.Name, p.ready(database))
		p.findings("  ", found)
	}
	return p.String()
}

// ready is the status and reason of an object's Ready condition, coloured.
func (p *page) ready(object resource) string {
	text, c := readiness(object)
	return p.paint(c, clean(text))
}

func readiness(object resource) (string, color) {
	ready := meta.FindStatusCondition(object.GetConditions(), v1alpha1.ReadyCondition)
	switch {
	case ready == nil:
		return "no status", red
	case meta.IsStatusConditionTrue(object.GetConditions(), v1alpha1.ReconcilingCondition):
		return "in progress: " + ready.Reason, yellow
	case ready.Status != metav1.ConditionTrue:
		return "not ready: " + ready.Reason, red
	case ready.Reason == v1alpha1.ReadyReason:
		return "ready", green
	default:
		return "ready: " + ready.Reason, yellow
	}
}

func (p *page) facts(c *v1alpha1.ReferralCampaign, d *v1alpha1.AttributionDatabase) {
	rows := [][]cell{{head("policy"), left(policyOf(c))}}
	if c.Spec.StartsAt != nil || c.Spec.EndsAt != nil {
		rows = append(rows, []cell{head("period"), left(period(c))})
	}
	if r := c.Status.Rollout; r != nil && r.Decided < r.Total {
		rows = append(rows, []cell{head("rollout"), left(fmt.Sprintf("%s  %d of %d pairs decided again under revision %d",
			bar(float64(r.Decided), float64(r.Total), 20), r.Decided, r.Total, r.Revision))})
	}
	rows = append(rows, []cell{head("database"), left(p.databaseOf(c, d))})
	if d != nil {
		rows = append(rows, []cell{head("ledger"), left(p.ledgerOf(d))})
	}
	if at := c.Status.LastResyncTime; at != nil {
		rows = append(rows, []cell{head("resync"), left(fmt.Sprintf("%s ago; drift corrected: %d", ago(p.Now, at.Time), c.Status.DriftCorrected))})
	}
	p.table(rows)
}

func policyOf(c *v1alpha1.ReferralCampaign) string {
	force := c.Status.Policy
	switch {
	case force == nil:
		return c.Spec.PolicyRef.Name + ": nothing in force yet"
	case force.Name != c.Spec.PolicyRef.Name:
		return fmt.Sprintf("%s asked for; in force: %s, revision %d", c.Spec.PolicyRef.Name, force.Name, force.Revision)
	default:
		return fmt.Sprintf("%s, revision %d, %s", force.Name, force.Revision, shortDigest(force.Digest))
	}
}

// shortDigest is enough of a digest to compare it by eye.
func shortDigest(digest string) string {
	algorithm, sum, found := strings.Cut(digest, ":")
	if !found || len(sum) <= 12 {
		return digest
	}
	return algorithm + ":" + sum[:12] + "…"
}

func period(c *v1alpha1.ReferralCampaign) string {
	from, to := "", ""
	if c.Spec.StartsAt != nil {
		from = "from " + moment(c.Spec.StartsAt.Time)
	}
	if c.Spec.EndsAt != nil {
		to = "until " + moment(c.Spec.EndsAt.Time)
	}
	return strings.TrimSpace(from+" "+to) + " UTC"
}

func (p *page) databaseOf(c *v1alpha1.ReferralCampaign, d *v1alpha1.AttributionDatabase) string {
	if d == nil {
		return c.Spec.DatabaseRef.Name + ": does not exist, or may not be read"
	}
	text, _ := readiness(d)
	return fmt.Sprintf("%s, %s, %s", d.Name, text, p.lag(d))
}

// lag is how far the engine is behind the facts.
func (p *page) lag(d *v1alpha1.AttributionDatabase) string {
	if d.Status.PendingChanges == 0 || d.Status.OldestPendingChange == nil {
		return "nothing pending"
	}
	pending := strconv.FormatInt(d.Status.PendingChanges, 10)
	if d.Status.PendingChanges >= mostCounted {
		pending += " or more"
	}
	return fmt.Sprintf("%s pending for up to %s", pending, ago(p.Now, d.Status.OldestPendingChange.Time))
}

// mostCounted is where the operator stops counting pending changes.
const mostCounted = 10_000

func (p *page) ledgerOf(d *v1alpha1.AttributionDatabase) string {
	v := d.Status.Verification
	switch {
	case v == nil || v.LastTime == nil:
		return "not verified yet"
	case v.Violations == 0:
		return fmt.Sprintf("consistent when verified %s ago", ago(p.Now, v.LastTime.Time))
	default:
		return fmt.Sprintf("%s found %s ago", plural(v.Violations, "violation"), ago(p.Now, v.LastTime.Time))
	}
}

const barSize = 40

// funnel shows how many signups and pairs are at each stage.
func (p *page) funnel(pairs *v1alpha1.PairCounts) {
	if pairs == nil {
		p.line("  ", p.paint(faint, "no pairs have been counted yet"))
		return
	}
	stages := []struct {
		name, text string
		count      int64
		color      color
	}{
		{"signups", "await a purchase", pairs.AwaitingPurchase, plain},
		{"pairs", "waiting to be admitted", pairs.Waiting, yellow},
		{"", "held until the end of their hold", pairs.Held, plain},
		{"credit", "granted", pairs.Granted, green},
		{"", "reversed", pairs.Reversed, plain},
	}
	most := int64(0)
	for _, stage := range stages {
		most = max(most, stage.count)
	}
	var rows [][]cell
	for _, stage := range stages {
		c := stage.color
		if stage.count == 0 {
			c = plain
		}
		rows = append(rows, []cell{
			head(stage.name), {text: strconv.FormatInt(stage.count, 10), right: true, color: c}, left(stage.text),
			{text: strings.TrimRight(bar(float64(stage.count), float64(most), barSize), "░"), color: c},
		})
	}
	p.table(rows)
}

// money shows the sums by currency, and how much of the budget is used.
func (p *page) money(c *v1alpha1.ReferralCampaign) {
	if len(c.Status.Credits) == 0 {
		p.line("  ", p.paint(faint, "no credit yet"))
	} else {
		rows := [][]cell{{headRight("GRANTED"), headRight("HELD"), headRight("REVERSED"), head("")}}
		for _, sum := range c.Status.Credits {
			rows = append(rows, []cell{right(sum.Granted), right(sum.Held), right(sum.Reversed), left(sum.Currency)})
		}
		p.table(rows)
	}
	if c.Spec.Budget == nil {
		return
	}
	at := slices.IndexFunc(c.Status.Credits, func(sum v1alpha1.CurrencyCredit) bool { return sum.Currency == c.Spec.Budget.Currency })
	if at < 0 || c.Status.Credits[at].BudgetRemaining == "" {
		return
	}
	budget, remaining := decimal(c.Spec.Budget.Amount), decimal(c.Status.Credits[at].BudgetRemaining)
	whole, _ := budget.Float64()
	used, _ := new(big.Rat).Sub(budget, remaining).Float64()
	tone := green
	switch {
	case remaining.Sign() <= 0:
		tone = red
	case used > 0.9*whole:
		tone = yellow
	}
	p.line()
	p.table([][]cell{{head("budget"), painted(tone, bar(used, whole, barSize)), left(fmt.Sprintf("%s left of %s %s",
		c.Status.Credits[at].BudgetRemaining, c.Spec.Budget.Amount, c.Spec.Budget.Currency))}})
}

// decimal reads an amount; what is none counts as 0.
func decimal(text string) *big.Rat {
	if value, ok := new(big.Rat).SetString(text); ok {
		return value
	}
	return new(big.Rat)
}

// Overview shows all campaigns and databases in a line each, and then what a person should know or
// do about each.
func Overview(o Options, campaigns []*v1alpha1.ReferralCampaign, databases []*v1alpha1.AttributionDatabase, namespaced bool) string {
	p := newPage(o)
	name := func(object metav1.Object) string {
		if namespaced {
			return object.GetName()
		}
		return object.GetNamespace() + "/" + object.GetName()
	}
	rows := [][]cell{{head("CAMPAIGN"), head("STATUS"), headRight("AWAITING"), headRight("WAITING"), headRight("HELD"), headRight("GRANTED"), head("CREDIT"), headRight("BUDGET USED")}}
	for _, c := range campaigns {
		text, tone := readiness(c)
		pairs := cmp.Or(c.Status.Pairs, &v1alpha1.PairCounts{})
		row := []cell{left(name(c)), painted(tone, text)}
		for _, count := range []int64{pairs.AwaitingPurchase, pairs.Waiting, pairs.Held, pairs.Granted} {
			row = append(row, right(strconv.FormatInt(count, 10)))
		}
		rows = append(rows, append(row, left(c.Status.Credit), right(budgetUsed(c))))
	}
	if len(campaigns) > 0 {
		p.rows(0, rows, 2)
		p.line()
	}
	rows = [][]cell{{head("DATABASE"), head("STATUS"), head("LAG"), head("LEDGER")}}
	for _, d := range databases {
		text, tone := readiness(d)
		rows = append(rows, []cell{left(name(d)), painted(tone, text), left(p.lag(d)), left(p.ledgerOf(d))})
	}
	if len(databases) > 0 {
		p.rows(0, rows, 2)
	}
	for _, c := range campaigns {
		p.about("campaign "+name(c), campaignFindings(c))
	}
	for _, d := range databases {
		p.about("database "+name(d), databaseFindings(d, o.Now))
	}
	return p.String()
}

// about writes the findings of one object, if there are any.
func (p *page) about(object string, found []finding) {
	if len(found) == 0 {
		return
	}
	p.line()
	p.title(object, "")
	p.findings("  ", found)
}

// budgetUsed is the used share of a budget in percent, rounded down.
func budgetUsed(c *v1alpha1.ReferralCampaign) string {
	if c.Spec.Budget == nil {
		return ""
	}
	for _, sum := range c.Status.Credits {
		if sum.Currency != c.Spec.Budget.Currency || sum.BudgetRemaining == "" {
			continue
		}
		budget := decimal(c.Spec.Budget.Amount)
		if budget.Sign() <= 0 {
			return ""
		}
		used := new(big.Rat).Quo(new(big.Rat).Sub(budget, decimal(sum.BudgetRemaining)), budget)
		used.Mul(used, big.NewRat(100, 1))
		return new(big.Int).Quo(used.Num(), used.Denom()).String() + " %"
	}
	return ""
}
