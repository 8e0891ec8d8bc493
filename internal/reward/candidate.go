package reward

import (
	"cmp"
	"fmt"
	"slices"
)

// candidate is one purchase while it is decided. Checks read nothing else.
type candidate struct {
	referee     *Referee
	attribution *Attribution // nil: the signup is not attributed
	purchase    *Purchase    // nil: its row is gone
	pair        *Pair        // nil: it has never counted
	lapsed      bool         // the pair's campaign is being reversed: the pair is taken back
	frozen      bool         // the pair's campaign is suspended: the pair stays as it is
	deleted     bool         // it has never counted, and its signup is attributed to a closed campaign

	// The campaign and revision that the candidate is judged under; nil if it is not judged.
	campaign *Campaign
	revision *Revision
	net      int64 // minor units, amount less all refunds

	condition       *Condition // of the revision, until it is evaluated; nil: it has none
	conditionReason Reason     // what came of it, once it is evaluated
	evaluated       bool       // the condition is evaluated
	conditionFailed bool       // the condition ended in an error
	conditionCost   uint64     // of compiling and evaluating it

	reason Reason // why it does not count; empty: it counts, before First and Deny are considered
}

// candidatesOf returns one candidate per known purchase and recorded pair, by purchase id.
func candidatesOf(config *Configuration, referee *Referee) ([]candidate, error) {
	candidates := make([]candidate, 0, len(referee.Purchases)+len(referee.Pairs))
	for i := range referee.Purchases {
		candidates = append(candidates, candidate{referee: referee, purchase: &referee.Purchases[i]})
	}
	for i := range referee.Pairs {
		pair := &referee.Pairs[i]
		mode := config.modeOf(pair.Campaign)
		candidates = append(candidates, candidate{referee: referee, pair: pair, lapsed: mode == Reversing, frozen: mode == Suspended && pair.State != Reversed})
	}
	if len(candidates) < 2 {
		return candidates, nil
	}
	slices.SortFunc(candidates, func(a, b candidate) int {
		if c := cmp.Compare(a.id(), b.id()); c != 0 {
			return c
		}
		return cmp.Compare(a.parts(), b.parts())
	})
	merged := candidates[:1]
	for _, next := range candidates[1:] {
		last := &merged[len(merged)-1]
		switch {
		case last.id() != next.id():
			merged = append(merged, next)
		case last.pair == nil && next.pair != nil:
			last.pair, last.lapsed, last.frozen = next.pair, next.lapsed, next.frozen
		default:
			return nil, fmt.Errorf("purchase %q is there twice", next.id())
		}
	}
	return merged, nil
}

// takenBack reports whether a deleted campaign takes the pair back, or has done so. If the campaign
// is declared again, the pair is decided anew.
func (c *candidate) takenBack() bool {
	return c.lapsed && !c.hadNothing() || c.pair != nil && c.pair.Reason == CampaignDeleted && !c.pair.wasAdmitted()
}

// hadNothing reports whether the pair earned nothing that a deleted campaign could take back, and
// the signup is and was not attributed to the campaign.
func (c *candidate) hadNothing() bool {
	return c.pair.State == Reversed && !c.pair.wasAdmitted() && !leadsTo(c.attribution, c.pair.Campaign) && !leadsTo(c.referee.Attribution, c.pair.Campaign)
}

func leadsTo(a *Attribution, campaign string) bool { return a != nil && a.Campaign == campaign }

func (c *candidate) id() string {
	if c.purchase != nil {
		return c.purchase.ID
	}
	return c.pair.PurchaseID
}

// parts sorts a purchase before its pair.
func (c *candidate) parts() int {
	if c.purchase != nil {
		return 0
	}
	return 1
}

// removed reports whether the purchase or the signup no longer exists.
func (c *candidate) removed() bool { return c.purchase == nil || c.referee.Signup == nil }

// admitted reports whether the pair has ever been Held or Granted.
func (c *candidate) admitted() bool { return c.pair != nil && !c.lapsed && c.pair.wasAdmitted() }

// waiting reports whether the pair waits in the campaign it is judged in.
func (c *candidate) waiting() bool {
	return c.pair != nil && c.pair.State == Waiting && c.pair.Campaign == c.campaignName()
}

// occupying reports whether the recorded pair takes capacity: it is Held or Granted.
func (c *candidate) occupying() bool { return c.pair != nil && !c.lapsed && c.pair.State.Occupies() }

// ordinal returns which of its referrer's pairs the pair is; zero: it was never admitted.
func (c *candidate) ordinal() int64 {
	if c.admitted() {
		return c.pair.Ordinal
	}
	return 0
}

func (c *candidate) denied() bool { return c.purchase != nil && c.purchase.Override == Deny }

// campaignName returns the campaign that the candidate is judged in: the attribution's, or the
// pair's own if the pair was admitted or is suspended. Empty: there is none.
func (c *candidate) campaignName() string {
	switch {
	case c.admitted() || c.frozen:
		return c.pair.Campaign
	case c.attribution == nil:
		return ""
	}
	return c.attribution.Campaign
}

// Occupies reports whether a pair in this state takes capacity: it is admitted.
func (s State) Occupies() bool { return s == Held || s == Granted }

func (p *Pair) wasAdmitted() bool { return p.Ordinal > 0 || p.State.Occupies() }
