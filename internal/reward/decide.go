package reward

import (
	"fmt"
	"time"
)

// Decide says what each purchase of a referee earns at the time now. It depends
// on nothing but its arguments and changes none of them; the order of touches,
// purchases and pairs is of no consequence.
//
//	attribute ─► candidates ─► follow a revision ─► judge each alone ─► first ─► conclude
//
// Where a decision depends on what other pairs leave of a campaign's capacity it
// is a claim, which Allocate concludes. Pairs of a suspended campaign have no
// decision: they stay as they are recorded.
//
// An error means that this referee cannot be decided; it names the purchase.
func Decide(config *Configuration, referee *Referee, now time.Time) (Outcome, error) {
	attribution, unbound := attribute(config, referee)
	candidates, err := judged(config, referee, attribution, unbound)
	if err != nil {
		return Outcome{}, err
	}
	place := firstOf(candidates)

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
		decision, claims, deferred, err := c.conclude(i == place, now)
		if err != nil {
			return Outcome{}, fmt.Errorf("while deciding purchase %q: %w", c.id(), err)
		}
		if deferred {
			outcome.deferTo(c.campaignName())
		}
		if c.brokeOff {
			outcome.countConditionError(c.campaignName())
		}
		if claims {
			outcome.Claims = append(outcome.Claims, Claim{candidate: c, now: now})
		}
		outcome.Decisions = append(outcome.Decisions, decision)
	}
	outcome.linkClaims()
	return outcome, nil
}

// judged are the candidates, each judged alone.
func judged(config *Configuration, referee *Referee, attribution *Attribution, unbound Reason) ([]candidate, error) {
	candidates, err := candidatesOf(config, referee)
	if err != nil {
		return nil, err
	}
	for i := range candidates {
		c := &candidates[i]
		c.attribution = attribution
		if err := c.follow(config); err != nil {
			return nil, fmt.Errorf("while deciding purchase %q: %w", c.id(), err)
		}
		c.judge(unbound)
	}
	return candidates, nil
}
