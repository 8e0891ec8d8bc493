package controllers

import (
	"encoding/json"
	"regexp"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/explain"
)

// The API server refuses a status with a time that is no RFC 3339, or without a required time,
// which is what it makes of null.
func TestTimesOfADatabaseAreShownWithinTheYears1To9999(t *testing.T) {
	other := regexp.MustCompile(`"[0-9]{5,}-|"-|"0000-|null`)
	for _, far := range []time.Time{
		time.Date(20_000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-4000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1, 1, 1, 0, 0, 0, 999, time.UTC), {},
	} {
		var review, friends v1alpha1.RewardReviewStatus
		showUser(&review, &explain.Review{
			At: far, Timeline: []explain.Event{{At: far}}, Ledger: map[string][]explain.Entry{"p": {{At: far}}},
			Explanation: explain.Explanation{
				Attribution: &explain.Attribution{TouchedAt: far},
				Purchases:   []explain.Purchase{{PurchaseID: "p", PurchasedAt: &far, MaturesAt: &far}},
			},
		}, "p")
		showFriends(&friends, &explain.Friends{At: far, Newest: []explain.Friend{{SignedUpAt: far}}})
		text, err := json.Marshal([]any{shownTime(far), review, friends})
		if err != nil {
			t.Fatal(err)
		}
		if p := review.Purchases[0]; p.PurchasedAt == nil || p.MaturesAt == nil {
			t.Errorf("the purchase of %s is shown as missing: %+v", far, p)
		}
		if found := other.FindAllString(string(text), -1); found != nil {
			t.Errorf("%q in %s", found, text)
		}
	}
	if timeOf(time.Time{}) != nil {
		t.Error("the zero time is shown")
	}
}
