package model

import (
	"context"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
)

type (
	// truncate removes all rows of a table of facts. Only the resync that it requests notices.
	truncate struct{ Table string }
	// retain deletes touches that are older than so many hours.
	retain struct{ Hours int }
)

var truncated = []string{"link", "touch", "signup", "purchase", "refund", "override"}

func (o truncate) happen(h *history) {
	refuse{}.happen(h)
	h.converge(converge{})
	if !h.allCompared() {
		return
	}
	switch o.Table {
	case "link":
		clear(h.links)
	case "touch":
		clear(h.touches)
		clear(h.blanks)
	case "signup":
		clear(h.signups)
	case "purchase":
		clear(h.purchases)
	case "refund":
		clear(h.refunds)
	case "override":
		clear(h.overrides)
	}
	h.execute(h.t, "TRUNCATE referral."+o.Table)
	must(h.t, h.engine(h.db, 0).Resync(context.Background()))
	h.resyncs = true
	h.converge(converge{})
	h.resyncs = false
	h.coverage.add("truncated table")
}

// allCompared reports whether a resync compares every campaign.
func (h *history) allCompared() bool {
	for _, c := range h.campaigns {
		if c.mode == suspended {
			return false
		}
	}
	return !h.suspended
}

// happen keeps the touches that signups may still be attributed by, those that attributions rest
// on, and those that a writer has locked.
func (o retain) happen(h *history) {
	h.converge(converge{})
	ctx := context.Background()
	must(h.t, database.SetTouchRetention(ctx, h.db, ownerUID, h.generation, time.Duration(o.Hours)*time.Hour))
	must(h.t, h.engine(h.db, 0).Upkeep(ctx))
	must(h.t, database.SetTouchRetention(ctx, h.db, ownerUID, h.generation, 0))
	locked := h.lockedRows().touches
	for key, t := range h.touches {
		if h.expired(o, t.at) && !locked[key] && !h.rests(key) {
			delete(h.touches, key)
			h.coverage.add("touch beyond its retention")
		}
	}
	for key, blanked := range h.blanks {
		if h.expired(o, blanked) && !locked[key] {
			delete(h.blanks, key)
		}
	}
}

// expired reports whether a touch of that time is older than the retention and than the longest
// window.
func (m *model) expired(o retain, touched at) bool {
	kept := hours(o.Hours)
	for _, c := range m.campaigns {
		kept = max(kept, c.window)
	}
	return m.now-touched >= kept
}

// rests reports whether the attribution of a signup of the visitor rests on the touch.
func (m *model) rests(key touchKey) bool {
	for user, a := range m.attributions {
		if (touchKey{a.visitor, a.touch}) == key && m.signups[user].visitor == key.visitor {
			return true
		}
	}
	return false
}
