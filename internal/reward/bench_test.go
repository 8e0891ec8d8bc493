package reward

import (
	"testing"
	"time"
)

var day0 = time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)

func BenchmarkDecide(b *testing.B) {
	fixed := Reward{Name: "inviter", Beneficiary: ToReferrer, Fixed: &Money{Amount: 500, Currency: "USD"}}
	percentage := Reward{Name: "inviter", Beneficiary: ToReferrer, Percentage: &Percentage{Rate: "10"}}
	link := &Link{Code: "anna", Campaign: "invite", ReferrerID: "anna"}
	bought := func(id string, after time.Duration) Purchase {
		return Purchase{ID: id, Amount: 4000, Currency: "USD", PurchasedAt: day0.Add(after), ArrivedAt: day0.Add(after)}
	}
	plain := Referee{
		UserID:    "ben",
		Signup:    &Signup{SignedUpAt: day0.Add(time.Hour), ArrivedAt: day0.Add(time.Hour)},
		Touches:   []Touch{{VisitorID: "v", TouchID: "t", TouchedAt: day0, Link: link}},
		Purchases: []Purchase{bought("1", 2*time.Hour), bought("2", 3*time.Hour)},
	}
	for _, bench := range []struct {
		name   string
		reward Reward
	}{{"Fixed", fixed}, {"Percentage", percentage}} {
		b.Run(bench.name, func(b *testing.B) {
			config := &Configuration{Attribution: LastTouch, Campaigns: map[string]*Campaign{"invite": {
				Name: "invite", Mode: Open, AttributionWindow: 720 * time.Hour,
				Revisions: []Revision{{Number: 1, Terms: Terms{Purchases: FirstPurchase, Rewards: []Reward{bench.reward}}}},
			}}}
			now := day0.Add(24 * time.Hour)
			b.ReportAllocs()
			for b.Loop() {
				outcome, err := Decide(config, &plain, now)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := Settle(outcome.Decisions, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
