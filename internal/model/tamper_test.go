package model

import (
	"maps"
	"slices"
	"testing"
)

// undecided are the users of referees that are not decided, so that a resync leaves their rows
// alone.
const undecided = "(SELECT user_id FROM referral.set_aside UNION SELECT user_id FROM referral.withheld)"

// firstIn is a condition that names a pair in one of the states.
func firstIn(states string) string {
	return "(user_id, purchase_id) = (SELECT user_id, purchase_id FROM referral.pair WHERE state IN (" + states + ") AND user_id NOT IN " + undecided + " ORDER BY 1, 2 LIMIT 1)"
}

// tampers are statements that alter one row of the results, by column. A resync repairs it.
var tampers = map[string]string{
	"referrer.pairs":               "UPDATE referral.referrer SET pairs = pairs + 1 WHERE (campaign, referrer_id) = (SELECT campaign, referrer_id FROM referral.referrer ORDER BY 1, 2 LIMIT 1)",
	"pair_count.granted":           "UPDATE referral.pair_count SET granted = granted + 1 WHERE (campaign, shard) = (SELECT campaign, shard FROM referral.pair_count ORDER BY 1, 2 LIMIT 1)",
	"credit_count.held":            "UPDATE referral.credit_count SET held = held + 500 WHERE (campaign, currency, shard) = (SELECT campaign, currency, shard FROM referral.credit_count ORDER BY 1, 2, 3 LIMIT 1)",
	"engine_account.earned":        "UPDATE referral.engine_account SET earned = earned - 500 WHERE (beneficiary_id, currency) = (SELECT beneficiary_id, currency FROM referral.engine_account ORDER BY 1, 2 LIMIT 1)",
	"writer_account.adjusted":      "UPDATE referral.writer_account SET adjusted = adjusted + 1 WHERE (beneficiary_id, currency) = (SELECT beneficiary_id, currency FROM referral.writer_account ORDER BY 1, 2 LIMIT 1)",
	"waitlist.least_need":          "UPDATE referral.waitlist SET least_need = least_need + 100000 WHERE admission_order = (SELECT min(admission_order) FROM referral.waitlist WHERE user_id NOT IN " + undecided + ")",
	"waitlist.passed_over":         "UPDATE referral.waitlist SET passed_over = true WHERE admission_order = (SELECT min(admission_order) FROM referral.waitlist WHERE user_id NOT IN " + undecided + ")",
	"waitlist_referrer.admitted":   "UPDATE referral.waitlist_referrer SET admitted = admitted + 100",
	"waitlist_referrer.least_need": "UPDATE referral.waitlist_referrer SET least_need = least_need + 100000",
	"waitlist_referrer row":        "DELETE FROM referral.waitlist_referrer",
	"waitlist row":                 "DELETE FROM referral.waitlist WHERE admission_order = (SELECT min(admission_order) FROM referral.waitlist WHERE user_id NOT IN " + undecided + ")",
	"credit.amount":                "UPDATE referral.credit SET amount = amount + 1 WHERE (user_id, purchase_id) = (SELECT user_id, purchase_id FROM referral.pair WHERE state = 'Granted' AND user_id NOT IN " + undecided + " ORDER BY 1, 2 LIMIT 1)",
	"pair.reason":                  "UPDATE referral.pair SET reason = 'Overridden' WHERE " + firstIn("'Held', 'Granted'"),
	"reversed pair.checksum":       "UPDATE referral.pair SET checksum = 0 WHERE " + firstIn("'Reversed'"),
	// The checksum does not say what two altered columns were. Only credits show that a pair was admitted.
	"admitted pair.reason and credits":  "UPDATE referral.pair SET reason = 'Overridden', credits = credits + 1 WHERE credits > 0 AND " + firstIn("'Held', 'Granted'"),
	"waiting pair.allowed and credits":  "UPDATE referral.pair SET allowed = NOT allowed, credits = credits + 1 WHERE " + firstIn("'Waiting'"),
	"reversed pair.allowed and credits": "UPDATE referral.pair SET allowed = NOT allowed, credits = coalesce(credits, 0) + 1 WHERE " + firstIn("'Reversed'"),
	// The label of an attribution cannot be restored if the link is deleted. If a code was typed after a
	// touch of the same link had attributed the signup, the code is found again.
	"attribution.label": "UPDATE referral.attribution SET label = 'x' WHERE user_id = (SELECT min(a.user_id) FROM referral.attribution AS a JOIN referral.signup AS s USING (user_id) JOIN referral.link AS l ON l.code = referral.normal_code(s.code) AND (l.code, l.campaign, l.referrer_id, l.label) = (a.code, a.campaign, a.referrer_id, a.label) WHERE a.source = 'Code' AND a.user_id NOT IN " + undecided + ")",
}

// tamper alters one row without firing the triggers of the system or of the test.
func (h *history) tamper(column string) {
	h.t.Helper()
	h.execute(h.t, "SET LOCAL session_replication_role = replica;"+tampers[column])
}

var tampered = slices.Sorted(maps.Keys(tampers))

func TestResyncRepairsAlteredRows(t *testing.T) {
	s := newShop(t)
	for _, column := range tampered {
		t.Run(column, func(t *testing.T) {
			s.play(t, []operation{
				declare{Campaign: "one", Window: 720, Budget: 1000, Policy: terms{Every: true, Rewards: fiveDollars, Cap: 9}, Scope: "NewPairs"},
				addLink{Code: "a", Campaign: "one", Referrer: "eve"},
				addSignup{User: "ann", Code: "a", At: 80},
				addSignup{User: "bob", Code: "a", At: 80},
				addPurchase{User: "ann", ID: "p0", Amount: 1000, Currency: "USD", At: 84},
				converge{},
				addRefund{User: "ann", Purchase: "p0", ID: "r1", Amount: 1000},
				converge{},
				addPurchase{User: "ann", ID: "p1", Amount: 1000, Currency: "USD", At: 85},
				addPurchase{User: "bob", ID: "p1", Amount: 1000, Currency: "USD", At: 86},
				addPurchase{User: "bob", ID: "p2", Amount: 1000, Currency: "USD", At: 87},
				adjust{Beneficiary: "eve", ID: "j1", Amount: 300, Currency: "USD"},
				converge{},
				resync{Tampered: column},
				declare{Campaign: "one", Window: 720, Budget: 1500, Policy: terms{Every: true, Rewards: fiveDollars, Cap: 9}, Scope: "NewPairs"},
				converge{Again: true},
			})
		})
	}
}

func TestAlteredPairWhoseFactsAreGoneKeepsItsTimes(t *testing.T) {
	s := newShop(t)
	for _, column := range []string{"reversed pair.checksum", "reversed pair.allowed and credits"} {
		for name, gone := range map[string]operation{
			"signup": removeSignup{User: "bob"}, "purchase": removePurchase{User: "bob", ID: "p1"},
		} {
			t.Run(column+" without "+name, func(t *testing.T) {
				s.play(t, []operation{
					declare{Campaign: "one", Window: 720, Policy: terms{Every: true, Rewards: fiveDollars, Hold: 3}, Scope: "NewPairs"},
					addLink{Code: "a", Campaign: "one", Referrer: "eve"},
					addSignup{User: "bob", Code: "a", At: 80},
					addPurchase{User: "bob", ID: "p1", Amount: 1000, Currency: "USD", At: 85},
					converge{},
					gone,
					converge{},
					resync{Tampered: column},
				})
			})
		}
	}
}

// Neither its attribution nor its facts say what a pair was when its campaign was reversed.
func TestAlteredPairOfAReversedCampaignStaysAsItWas(t *testing.T) {
	s := newShop(t)
	declared := declare{Campaign: "one", Window: 720, Policy: terms{Every: true, Rewards: fiveDollars, Hold: 3}, Scope: "NewPairs"}
	for _, column := range []string{"reversed pair.checksum", "reversed pair.allowed and credits"} {
		for name, history := range map[string][]operation{
			"its attribution is gone": {reverseCampaign{Campaign: "one"}, converge{}},
			"its purchase was corrected since": {
				reverseCampaign{Campaign: "one"}, converge{},
				addPurchase{User: "bob", ID: "p1", Amount: 999, Currency: "USD", At: 104}, converge{},
			},
			"it was refunded before": {
				addRefund{User: "bob", Purchase: "p1", ID: "r1", Amount: 1000}, converge{},
				reverseCampaign{Campaign: "one"}, converge{},
			},
			"another campaign attributes its signup": {
				reverseCampaign{Campaign: "one"}, converge{},
				declare{Campaign: "two", Window: 720, Policy: terms{Every: true, Rewards: fiveDollars}, Scope: "NewPairs"},
				addLink{Code: "b", Campaign: "two", Referrer: "ann"},
				addSignup{User: "bob", Code: "b", At: 80}, converge{},
			},
		} {
			t.Run(column+", "+name, func(t *testing.T) {
				s.play(t, slices.Concat([]operation{
					declared,
					addLink{Code: "a", Campaign: "one", Referrer: "eve"},
					addSignup{User: "bob", Code: "a", At: 80},
					addPurchase{User: "bob", ID: "p1", Amount: 1000, Currency: "USD", At: 85},
					converge{},
				}, history, []operation{
					resync{Tampered: column},
					again{Campaign: "one", Mode: "Open"}, converge{}, converge{Again: true},
				}))
			})
		}
	}
}

// What it was granted and what was taken back does not say whether a pair was admitted since its
// campaign was declared again.
func TestAlteredPairKeepsItsOrdinalAfterItsCampaignIsDeclaredAgain(t *testing.T) {
	s := newShop(t)
	for _, column := range []string{"reversed pair.checksum", "reversed pair.allowed and credits"} {
		for name, history := range map[string][]operation{
			"denied before, not admitted since": {
				addOverride{User: "bob", Purchase: "p1", Verdict: "Deny"}, converge{},
				reverseCampaign{Campaign: "one"}, converge{},
				again{Campaign: "one", Mode: "Open"}, converge{},
			},
			"held and denied since": {
				reverseCampaign{Campaign: "one"}, converge{},
				again{Campaign: "one", Mode: "Open"}, addPurchase{User: "bob", ID: "p1", Amount: 1000, Currency: "USD", At: 99}, converge{},
				addOverride{User: "bob", Purchase: "p1", Verdict: "Deny"}, converge{},
			},
		} {
			t.Run(column+", "+name, func(t *testing.T) {
				s.play(t, slices.Concat([]operation{
					declare{Campaign: "one", Window: 720, Policy: terms{Every: true, Rewards: fiveDollars, Hold: 3}, Scope: "NewPairs"},
					addLink{Code: "a", Campaign: "one", Referrer: "eve"},
					addSignup{User: "bob", Code: "a", At: 80},
					addPurchase{User: "bob", ID: "p1", Amount: 1000, Currency: "USD", At: 85},
					converge{},
				}, history, []operation{
					resync{Tampered: column},
					noOverride{User: "bob", Purchase: "p1"}, converge{Again: true},
				}))
			})
		}
	}
}

func TestResyncRestoresTheWaitlistRowOfAGrowingPair(t *testing.T) {
	nineDollars := terms{Every: true, Rewards: []rewardTerms{{Name: "inviter", Amount: 900, Currency: "USD"}}}
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Budget: 700, Policy: terms{Every: true, Rewards: fiveDollars}, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "eve"},
		addSignup{User: "ann", Code: "a", At: 80},
		addPurchase{User: "ann", ID: "p1", Amount: 1000, Currency: "USD", At: 85},
		converge{},
		declare{Campaign: "one", Window: 720, Budget: 700, Policy: nineDollars, Scope: "AllPairs"},
		converge{},
		resync{Tampered: "waitlist row"},
		declare{Campaign: "one", Window: 720, Budget: 900, Policy: nineDollars, Scope: "AllPairs"},
		converge{Again: true},
	})
}

func TestResyncLeavesWithheldRefereesAlone(t *testing.T) {
	newShop(t).play(t, []operation{
		limitLosses{Pairs: 1},
		declare{Campaign: "one", Window: 720, Policy: terms{Every: true, Rewards: fiveDollars}, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "eve"},
		addSignup{User: "ann", Code: "a", At: 80},
		addSignup{User: "bob", Code: "a", At: 80},
		addSignup{User: "cat", Code: "a", At: 80},
		addPurchase{User: "ann", ID: "p1", Amount: 1000, Currency: "USD", At: 85},
		addPurchase{User: "bob", ID: "p1", Amount: 1000, Currency: "USD", At: 85},
		converge{},
		lose{Campaign: "one", Most: 2},
		resync{Tampered: "credit.amount"},
		addPurchase{User: "cat", ID: "p1", Amount: 1000, Currency: "USD", At: 85},
		converge{},
	})
}
