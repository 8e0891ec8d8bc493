package model

import (
	"encoding/json"
	"testing"
)

// refuse makes the database refuse the credits of a referee, so that the engine sets the referee
// aside, and no other one. Without a user it refuses none any more, and the set-aside referees are
// enqueued again.
type refuse struct{ User string }

func (o refuse) happen(h *history) {
	if o.User != "" && len(h.erasures) > 0 { // a set-aside referee would delay the erasure
		return
	}
	if o.User != "" {
		h.execute(h.t, "INSERT INTO proof.refused SELECT $1 ON CONFLICT DO NOTHING", o.User)
		h.refused[o.User] = true
		return
	}
	if len(h.refused) > 0 {
		h.execute(h.t, "DELETE FROM proof.refused; INSERT INTO referral.change (shard, kind, key) SELECT referral.shard_of(user_id), 'Referee', user_id FROM referral.set_aside")
		clear(h.refused)
	}
}

// setAsideBy takes over which referees a commit set aside and which it decided again. The model
// does not decide a set-aside referee, and its pairs do not wait for capacity.
func (h *history) setAsideBy(c commit) {
	for _, w := range c.writes {
		if w.of != "set_aside" {
			continue
		}
		var is row
		text := w.now
		if text == nil {
			text = w.was
		}
		must(h.t, json.Unmarshal(text, &is))
		delete(h.setAside, is.User)
		if w.now != nil {
			if !h.refused[is.User] { // its batch failed because of another referee
				h.disagree("a referee was set aside", is.User+": "+is.Cause)
			}
			h.setAside[is.User] = true
			h.coverage.add("referee that is set aside")
		}
	}
}

func TestPairOfASetAsideRefereeKeepsItsOrder(t *testing.T) {
	policy := terms{Every: true, Rewards: fiveDollars}
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Budget: 500, Policy: policy, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "eve"},
		addSignup{User: "ann", Code: "a", At: 80},
		addSignup{User: "bob", Code: "a", At: 80},
		addSignup{User: "cat", Code: "a", At: 80},
		addPurchase{User: "ann", ID: "p1", Amount: 1000, Currency: "USD", At: 85},
		converge{},
		addPurchase{User: "bob", ID: "p1", Amount: 1000, Currency: "USD", At: 86},
		addPurchase{User: "cat", ID: "p1", Amount: 1000, Currency: "USD", At: 87},
		converge{},
		refuse{User: "bob"},
		declare{Campaign: "one", Window: 720, Budget: 1000, Policy: policy, Scope: "NewPairs"},
		converge{},
		refuse{},
		declare{Campaign: "one", Window: 720, Budget: 1500, Policy: policy, Scope: "NewPairs"},
		converge{Again: true},
	})
}

// refuseUnknown makes the database refuse the credits of a referee without the model's knowledge,
// so that this referee is set aside for another one's failure as far as the model knows.
type refuseUnknown struct{ User string }

func (o refuseUnknown) happen(h *history) {
	h.execute(h.t, "INSERT INTO proof.refused SELECT $1", o.User)
}

func TestAnotherRefereeThatIsSetAsideIsADisagreement(t *testing.T) {
	wrong, details := newShop(t).playback([]operation{
		declare{Campaign: "one", Window: 720, Policy: terms{Every: true, Rewards: fiveDollars}, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "eve"},
		addSignup{User: "ann", Code: "a", At: 80},
		addSignup{User: "bob", Code: "a", At: 80},
		addSignup{User: "cat", Code: "a", At: 80},
		converge{},
		refuse{User: "bob"},
		refuseUnknown{User: "cat"},
		addPurchase{User: "ann", ID: "p1", Amount: 1000, Currency: "USD", At: 85},
		addPurchase{User: "bob", ID: "p1", Amount: 1000, Currency: "USD", At: 86},
		addPurchase{User: "cat", ID: "p1", Amount: 1000, Currency: "USD", At: 87},
		converge{},
	})
	if wrong != "a referee was set aside" {
		t.Errorf("got %q:\n%s", wrong, details)
	}
}
