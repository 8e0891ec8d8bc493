package reward

import (
	"fmt"
	"time"
)

// Decide returns what each purchase of a referee earns at the time now. It depends only on its
// arguments and does not change them. The order of touches, purchases and pairs does not matter.
//
//	attribute ─► candidates ─► follow a revision ─► judge each alone ─► first ─► conclude
//
// A decision that depends on a campaign's capacity is incomplete and has a Claim, from which
// Allocate completes it. Pairs of a suspended campaign have no decision: they stay as they are
// recorded.
//
// An error names the purchase and means that this referee cannot be decided.
func Decide(config *Configuration, referee *Referee, now time.Time) (Outcome, error) {
	return DecideWithin(config, referee, now, func(DecisionSize) error { return nil })
}

// DecisionSize is how much a decision comes to hold.
type DecisionSize struct {
	Credits int // the most that it earns, whether now or when Allocate completes it
	Tiers   int // the most of its Need
	Texts   int // most bytes of the texts of one of its rows
}

// DecideWithin is Decide, and calls grow with the size of each decision that is or was a pair, before
// it makes the next. An error of grow ends it and is returned.
func DecideWithin(config *Configuration, referee *Referee, now time.Time, grow func(DecisionSize) error) (Outcome, error) {
	attribution, notAttributed := attribute(config, referee)
	candidates, err := judged(config, referee, attribution, notAttributed, false)
	if err != nil {
		return Outcome{}, err
	}
	first := firstOf(candidates)

	outcome := Outcome{Attribution: attribution}
	if len(candidates) > 0 {
		outcome.Decisions = make([]Decision, 0, len(candidates))
	}
	for i := range candidates {
		c := &candidates[i]
		if c.frozen {
			outcome.deferTo(c.pair.Campaign)
			continue
		}
		decision, claims, deferred, err := c.conclude(i == first, now)
		if err != nil {
			return Outcome{}, fmt.Errorf("while deciding purchase %q: %w", c.id(), err)
		}
		if deferred {
			outcome.deferTo(c.campaignName())
		}
		if c.conditionFailed {
			outcome.countConditionError(c.campaignName())
		}
		if claims {
			outcome.Claims = append(outcome.Claims, Claim{candidate: c, now: now})
		}
		outcome.Decisions = append(outcome.Decisions, decision)
		if decision.State == NotCounting {
			continue
		}
		if err := grow(c.sizeOf(&decision, claims)); err != nil {
			return Outcome{}, err
		}
	}
	outcome.linkClaims()
	return outcome, nil
}

// sizeOf returns how much the decision about the candidate comes to hold.
func (c *candidate) sizeOf(decision *Decision, claims bool) DecisionSize {
	size := DecisionSize{Credits: len(decision.Credits)}
	size.Texts = len(c.referee.UserID) + len(decision.PurchaseID) + len(decision.Campaign) + len(decision.ReferrerID)
	if c.revision == nil {
		return size
	}
	terms := &c.revision.Terms
	longest := 0
	for i := range terms.Rewards {
		longest = max(longest, len(terms.Rewards[i].Name))
	}
	if size.Texts += longest; !claims {
		return size
	}
	size.Credits = len(terms.Rewards)
	if c.pair != nil {
		size.Credits = max(size.Credits, len(c.pair.Credits)) // a growing pair may keep them
	}
	if c.campaign.Budget != nil {
		for i := range terms.Rewards {
			size.Tiers += len(terms.Rewards[i].Tiers)
		}
	}
	return size
}

// judged returns the candidates, each judged alone. If all conditions are wanted, those of candidates
// that do not count for another reason are evaluated as well, until these evaluations have cost
// refereeLimit. The error is about the conditions that decide.
func judged(config *Configuration, referee *Referee, attribution *Attribution, notAttributed Reason, allConditions bool) ([]candidate, error) {
	candidates, err := candidatesOf(config, referee)
	if err != nil {
		return nil, err
	}
	for i := range candidates {
		c := &candidates[i]
		c.attribution = attribution
		c.deleted = c.pair == nil && attribution != nil && config.modeOf(attribution.Campaign) == Closed
		if err := c.follow(config); err != nil {
			return nil, fmt.Errorf("while deciding purchase %q: %w", c.id(), err)
		}
	}
	var cost, furtherCost uint64
	var conditions compiler
	for _, c := range byCondition(candidates) {
		if err := conditions.compile(c); err != nil {
			return nil, fmt.Errorf("while deciding purchase %q: %w", c.id(), err)
		}
		c.judge(notAttributed)
		if cost += c.conditionCost; cost > refereeLimit {
			return nil, fmt.Errorf("while deciding purchase %q: %w", c.id(), errConditionsCost)
		}
		if allConditions && c.unjudgeable(notAttributed) == "" && (furtherCost < refereeLimit || c.condition == nil) {
			before := c.conditionCost
			conditionFalse(c)
			furtherCost += c.conditionCost - before
		}
		c.condition = nil // a cache keeps it, or nothing does
	}
	return candidates, nil
}
