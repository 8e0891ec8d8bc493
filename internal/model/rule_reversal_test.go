package model

import (
	"encoding/json"
	"strings"
)

// Rule 17: a campaign that was deleted with Reverse takes all its credit back, key by key, whatever
// the facts say.

// reversed are the keys of one step of a reversal.
type reversed struct {
	Campaign string `json:"campaign"`
	User     string `json:"resume_user"`
	Purchase string `json:"resume_purchase"`
	Done     bool   `json:"done"`
}

// reversal reports whether a commit is a step of one, and from which key up to which it goes.
func (c commit) reversal(t fataler) (after, end *reversed) {
	t.Helper()
	for _, w := range c.writes {
		if w.of == "reversal" {
			after, end = new(reversed), new(reversed)
			must(t, json.Unmarshal(w.was, after))
			must(t, json.Unmarshal(w.now, end))
		}
	}
	return after, end
}

func (m *model) takeBack(after, end *reversed) {
	for key, p := range m.pairs {
		if p.campaign != end.Campaign || key.compare(after) <= 0 || !end.Done && key.compare(end) > 0 {
			continue
		}
		if p.state == "Reversed" && p.ordinal == 0 {
			continue
		}
		p.state, p.reason, p.ordinal, p.credits, p.growing = "Reversed", "CampaignDeleted", 0, nil, false
	}
}

func (k purchaseKey) compare(with *reversed) int {
	if c := strings.Compare(k.user, with.User); c != 0 {
		return c
	}
	return strings.Compare(k.id, with.Purchase)
}
