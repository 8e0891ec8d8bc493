package controllers

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

func TestAnswerIsShortenedOrDroppedSoThatItCanBeStored(t *testing.T) {
	purchase := func(reason int) []v1alpha1.ReviewedPurchase {
		return []v1alpha1.ReviewedPurchase{{PurchaseID: "p", Reason: strings.Repeat("x", reason)}}
	}
	for name, test := range map[string]struct {
		status  v1alpha1.RewardReviewStatus
		dropped bool
	}{
		"small":             {v1alpha1.RewardReviewStatus{Purchases: purchase(10)}, false},
		"one large text":    {v1alpha1.RewardReviewStatus{Purchases: purchase(mostStatusBytes)}, false},
		"one huge text":     {v1alpha1.RewardReviewStatus{Purchases: purchase(5 << 20)}, true},
		"a huge old event":  {v1alpha1.RewardReviewStatus{Timeline: append([]v1alpha1.ReviewedEvent{{Code: strings.Repeat("x", 5<<20)}}, make([]v1alpha1.ReviewedEvent, 49)...)}, false},
		"a huge last event": {v1alpha1.RewardReviewStatus{Timeline: []v1alpha1.ReviewedEvent{{Code: strings.Repeat("x", 5<<20)}}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			err := fitStatus(&test.status)
			if _, failed := errors.AsType[*stalledError](err); failed != test.dropped || !failed && err != nil {
				t.Errorf("error %.200v, want one: %t", err, test.dropped)
			}
			if text, err := json.Marshal(test.status); err != nil || len(text) > mostSentBytes {
				t.Errorf("%d bytes, %v", len(text), err)
			}
		})
	}
}
