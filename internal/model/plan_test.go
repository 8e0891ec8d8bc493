package model

import (
	"context"
	"fmt"
	"math/big"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
)

// plan plans an edit and then makes it, without a fact between: ledger and held credits must move
// by exactly what the plan said. Without an edit the plan must move nothing.
type plan struct {
	Campaign string    // the campaign to plan if there is no edit
	Edit     operation // declares or reverses a campaign; nil: none
}

func (o plan) happen(h *history) {
	refuse{}.happen(h)
	h.converge(converge{})
	request, ok := o.request(h)
	if !ok || h.suspended || len(h.erasures) > 0 {
		if o.Edit != nil {
			o.Edit.happen(h)
		}
		return
	}
	planned, err := engine.Plan(context.Background(), h.db, request)
	must(h.t, err)
	if written := h.commits(); len(written) > 0 {
		h.disagree("a plan wrote something", fmt.Sprint(written))
	}
	before := h.moved()
	if o.Edit != nil {
		o.Edit.happen(h)
	}
	h.converge(converge{})
	h.coverage.add("plan")
	if c := h.campaigns[request.Campaign.Name]; c != nil && c.mode == suspended {
		return // the plan assumes that the campaign is open
	}
	if planned.Estimate {
		h.coverage.add("plan that is an estimate")
		h.withinBudget(planned, request, before)
		return
	}
	want, got := map[string][2]int64{}, h.moved()
	for _, e := range planned.Effects {
		granted, held := new(big.Int).Sub(e.GrantedUp, e.GrantedDown).Int64(), new(big.Int).Sub(e.HeldUp, e.HeldDown).Int64()
		if granted != 0 || held != 0 {
			want[e.Currency] = [2]int64{granted, held}
			h.coverage.add("plan that moves something")
		}
	}
	for currency, was := range before {
		got[currency] = [2]int64{got[currency][0] - was[0], got[currency][1] - was[1]}
	}
	for currency, change := range got {
		if change == [2]int64{} {
			delete(got, currency)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		h.disagree("an edit moves something else than was planned", fmt.Sprintf("%+v\n%+v\n(-planned +moved)\n%s", request.Declaration, planned, diff))
	}
}

// request returns the plan's request for the edit; false: such an edit cannot be planned.
func (o plan) request(h *history) (request engine.PlanRequest, ok bool) {
	request.Campaign = database.Campaign{OwnerUID: ownerUID, Name: o.Campaign}
	if d, declares := h.declares(o.Edit); declares {
		declaration := d.declaration(h)
		request.Campaign, request.Declaration = declaration.Campaign, &declaration
		return request, true
	}
	if r, reverses := o.Edit.(reverseCampaign); reverses {
		request.Campaign.Name, request.Delete = r.Campaign, true
		c := h.campaigns[r.Campaign]
		return request, c != nil && c.mode != closed
	}
	return request, o.Edit == nil
}

// moved returns the granted and the held credit by currency.
func (h *history) moved() map[string][2]int64 {
	sums := map[string][2]int64{}
	for _, p := range h.pairs {
		for _, c := range p.credits {
			sum := sums[c.currency]
			if p.state == "Held" {
				sum[1] += c.amount
			} else {
				sum[0] += c.amount
			}
			sums[c.currency] = sum
		}
	}
	return sums
}

// withinBudget requires an estimate to exceed no budget.
func (h *history) withinBudget(planned *engine.PlanResult, request engine.PlanRequest, before map[string][2]int64) {
	if request.Declaration == nil || request.Declaration.Budget == nil || len(h.campaigns) > 1 {
		return
	}
	budget := request.Declaration.Budget
	was := before[budget.Currency][0] + before[budget.Currency][1]
	for _, e := range planned.Effects {
		if e.Currency != budget.Currency {
			continue
		}
		sum := new(big.Int).Sub(e.GrantedUp, e.GrantedDown)
		sum.Add(sum, e.HeldUp).Sub(sum, e.HeldDown)
		if after := was + sum.Int64(); after > max(was, budget.Amount) {
			h.disagree("a plan exceeds the budget", fmt.Sprintf("%d of %d, before %d: %+v", after, budget.Amount, was, planned))
		}
	}
}
