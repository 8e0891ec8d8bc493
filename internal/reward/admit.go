package reward

import "fmt"

// Room is what one campaign has left to give.
type Room struct {
	Campaign *Campaign
	Left     int64            // of the budget, in minor units; may be below zero after the budget was lowered
	Pairs    map[string]int64 // held and granted, by referrer
	Filed    map[string]int64 // the same when those in line were last looked at
}

// Place is somebody in a campaign's line whom this decision is not about.
type Place struct {
	UserID, PurchaseID string
	ReferrerID         string
	Order              int64
	Needs              int64
	Growing            bool // admitted already: takes budget only
	Repriced           bool // Needs is what was right for another tier
}

// Admit gives a campaign's room to those who claim some, in the order in which
// they stand in line: claims by Order, those without one last. Others are those
// in the same line, by Order, who are decided elsewhere.
//
// Nobody is admitted while somebody before would fit into what both want: the
// budget, or the cap of one referrer. Who does not fit is passed over. Admit
// returns whom of the others there is room for, and whether somebody had to
// stay in line only because one of them comes first. Room is used up as it is
// given.
//
// An error names the claim that cannot be worked out.
func Admit(room *Room, claims []Claim, others []Place) (next []Place, blocked bool, err error) {
	l := line{room: room, taken: map[string]bool{}, passed: map[string]bool{}}
	for i := range claims {
		claim := &claims[i]
		for len(others) > 0 && (claim.Decision.Order == 0 || others[0].Order < claim.Decision.Order) {
			l.reserve(others[0])
			others = others[1:]
		}
		if err := l.serve(claim); err != nil {
			return nil, false, fmt.Errorf("while admitting purchase %q of %q: %w", claim.Decision.PurchaseID, claim.UserID(), err)
		}
	}
	for _, other := range others {
		l.reserve(other)
	}
	return l.next, l.blocked, nil
}

// line is a campaign's line while it is served.
type line struct {
	room    *Room
	next    []Place
	blocked bool
	closed  bool            // the budget is for somebody in next first
	taken   map[string]bool // referrers whose cap is
	passed  map[string]bool // referrers of whom somebody did not fit
}

// serve gives a claim what it asks for, if there is room and it is its turn.
func (l *line) serve(claim *Claim) error {
	place := claim.place()
	credits, needs, err := claim.offer(l.room.Pairs[place.ReferrerID] + 1)
	if err != nil {
		return err
	}
	place.Needs = needs
	lacks := l.lacks(place)
	switch {
	case lacks != "":
		claim.wait(lacks, needs)
		l.passed[place.ReferrerID] = l.passed[place.ReferrerID] || !place.Growing
	case l.closed:
		claim.wait(BudgetExhausted, needs)
	case l.taken[place.ReferrerID]:
		claim.wait(CapReached, needs)
	default:
		l.take(place)
		claim.admit(l.room.Pairs[place.ReferrerID], credits)
		// Who was passed over may fit into another tier.
		if l.passed[place.ReferrerID] && l.room.repriced(place.ReferrerID) {
			l.closed = l.room.Campaign.Budget != nil
		}
		return nil
	}
	if lacks == "" {
		l.blocked = true
		l.reserve(place)
	}
	return nil
}

// reserve keeps the room for a place that is served elsewhere, if it fits. One
// that another tier is for by now has to be asked what it needs: it holds up who
// comes behind, and may turn out to take nothing.
func (l *line) reserve(place Place) {
	asked := l.room.Campaign.Budget != nil && !place.Growing && (place.Repriced || l.room.repriced(place.ReferrerID))
	if asked {
		place.Needs = 0
	}
	if l.lacks(place) != "" {
		l.passed[place.ReferrerID] = true
		return
	}
	if !asked {
		l.take(place)
	}
	l.next = append(l.next, place)
	l.closed = l.room.Campaign.Budget != nil
	l.taken[place.ReferrerID] = true
}

// repriced tells whether the referrer's next pair earns something else than when
// those in line were last looked at.
func (r *Room) repriced(referrer string) bool {
	return r.Campaign.Repriced(r.Filed[referrer], r.Pairs[referrer])
}

// lacks is the reason why a place does not fit; empty: it does.
func (l *line) lacks(place Place) Reason {
	limit := l.room.Campaign.Cap()
	switch {
	case !place.Growing && limit > 0 && l.room.Pairs[place.ReferrerID] >= limit:
		return CapReached
	case place.Needs > 0 && place.Needs > l.room.Left && l.room.Campaign.Budget != nil:
		return BudgetExhausted
	}
	return ""
}

func (l *line) take(place Place) {
	l.room.Left -= place.Needs
	if !place.Growing {
		l.room.Pairs[place.ReferrerID]++
	}
}
