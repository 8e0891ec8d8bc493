package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// propose builds the configuration as it would be once the proposal is declared, its rollout
// included, and the step that leads there.
func (p *plan) propose(now time.Time, policy string) error {
	name := p.request.Campaign.Name
	was := p.inForce.Reward.Campaigns[name]
	is := reward.Campaign{Name: name}
	if was != nil {
		is = *was
		is.Revisions = slices.Clone(was.Revisions)
	}
	p.step.Campaign, p.step.RulesVersion = name, database.RulesVersion
	if n := len(is.Revisions); n > 0 {
		p.step.FromRevision, p.step.FromDigest = is.Revisions[n-1].Number, is.Revisions[n-1].Terms.Digest()
	}
	conditions := p.inForce.Conditions
	switch d := p.request.Declaration; {
	case p.request.Delete:
		is.Mode, p.step.DeletesReversing = reward.Reversing, true
	case d != nil:
		terms, err := proposeTerms(&is, d, now)
		if err != nil {
			return err
		}
		proposeCampaign(&is, d)
		if terms != nil {
			p.step.Terms, p.step.Scope = terms, reward.RevisionScope(d.Scope)
			conditions = conditions || terms.Condition != ""
		}
		if d.Terms != nil && d.Policy.Name != policy {
			p.step.Policy = d.Policy.Name
		}
		p.stepFields(was, &is)
	}
	if is.Mode == reward.Suspended {
		is.Mode = reward.Open
	}
	p.attributes = p.request.Delete || attributesOtherwise(was, &is)
	p.drifts = p.request.Declaration == nil && !p.request.Delete

	proposed := *p.inForce
	proposed.Conditions = conditions
	proposed.Reward = &reward.Configuration{Attribution: p.inForce.Reward.Attribution, Campaigns: maps.Clone(p.inForce.Reward.Campaigns)}
	if len(is.Revisions) > 0 {
		proposed.Reward.Campaigns[name] = &is
	}
	p.proposed = &proposed
	p.attributes = p.attributes || p.drifts
	return nil
}

// proposeTerms adds the revision that the declaration would record, with a rollout that has reached
// all pairs of its scope. It returns the new terms; nil: the declaration adds no revision.
func proposeTerms(campaign *reward.Campaign, d *database.Declaration, now time.Time) (*reward.Terms, error) {
	if d.Terms == nil {
		return nil, nil
	}
	var terms reward.Terms
	if err := json.Unmarshal(d.Terms, &terms); err != nil {
		return nil, fmt.Errorf("while reading the proposed terms: %w", err)
	}
	campaign.PairsPerReferrer = d.PairsPerReferrer
	n := len(campaign.Revisions)
	if n > 0 && campaign.Revisions[n-1].Terms.Digest() == terms.Digest() {
		return nil, nil
	}
	revision := reward.Revision{Number: n + 1, RecordedAt: now, Scope: reward.RevisionScope(d.Scope), Terms: terms}
	if n > 0 {
		revision.Number = campaign.Revisions[n-1].Number + 1
	}
	revision.Withdraws = n > 1 && campaign.Revisions[n-2].Terms.Digest() == terms.Digest()
	if n > 0 && (revision.Scope != reward.NewPairs || revision.Withdraws) {
		revision.Rollout = &reward.Rollout{All: true}
	}
	campaign.Revisions = append(campaign.Revisions, revision)
	return &terms, nil
}

// proposeCampaign puts the declaration's campaign in place of the declared one.
func proposeCampaign(campaign *reward.Campaign, d *database.Declaration) {
	campaign.Mode = reward.Mode(d.Mode)
	if d.Mode == database.PolicyMissing {
		return
	}
	campaign.StartsAt, campaign.EndsAt = d.StartsAt.Truncate(time.Microsecond), d.EndsAt.Truncate(time.Microsecond)
	campaign.AttributionWindow = d.AttributionWindow.Truncate(time.Microsecond)
	campaign.Budget = (*reward.Money)(d.Budget)
}

// stepFields adds the fields of the campaign that admit or grant more than before. Of a campaign
// that was never declared, or was deleted, all are new.
func (p *plan) stepFields(was, is *reward.Campaign) {
	isNew := was == nil || was.Mode == reward.Closed || was.Mode == reward.Reversing
	if isNew {
		was = &reward.Campaign{}
	}
	p.step.PairsPerReferrer = raisedCap(was.PairsPerReferrer, is.PairsPerReferrer, isNew)
	p.step.Budget = raisedBudget(was.Budget, is.Budget, isNew)
	earlier := is.StartsAt.IsZero() || is.StartsAt.Before(was.StartsAt)
	if !is.StartsAt.Equal(was.StartsAt) && (isNew || !was.StartsAt.IsZero() && earlier) {
		p.step.StartsAt = boundOf(is.StartsAt)
	}
	later := is.EndsAt.IsZero() || is.EndsAt.After(was.EndsAt)
	if !is.EndsAt.Equal(was.EndsAt) && (isNew || !was.EndsAt.IsZero() && later) {
		p.step.EndsAt = boundOf(is.EndsAt)
	}
	if isNew || is.AttributionWindow > was.AttributionWindow {
		p.step.Window = &is.AttributionWindow
	}
}

// raisedCap returns a cap that is new, higher than before, or gone; nil: it is none of these.
func raisedCap(was, is int64, isNew bool) *reward.Limit {
	if is == was || !isNew && (was == 0 || is > 0 && is < was) {
		return nil
	}
	return &reward.Limit{Amount: is, None: is == 0}
}

// raisedBudget returns a budget that is new, higher than before, in another currency, or gone; nil:
// it is none of these.
func raisedBudget(was, is *reward.Money, isNew bool) *reward.Limit {
	switch {
	case is == nil && was == nil:
		return nil
	case is == nil:
		return &reward.Limit{None: true}
	case isNew, was != nil && (is.Currency != was.Currency || is.Amount > was.Amount):
		return &reward.Limit{Amount: is.Amount, Currency: is.Currency}
	}
	return nil
}

func boundOf(t time.Time) *reward.Bound {
	if t.IsZero() {
		return &reward.Bound{None: true}
	}
	t = t.UTC()
	return &reward.Bound{At: &t}
}

// attributesOtherwise reports whether other signups may be attributed to the campaign than before.
func attributesOtherwise(was, is *reward.Campaign) bool {
	return was == nil || was.Mode != is.Mode || !was.StartsAt.Equal(is.StartsAt) || !was.EndsAt.Equal(is.EndsAt) ||
		was.AttributionWindow != is.AttributionWindow
}
