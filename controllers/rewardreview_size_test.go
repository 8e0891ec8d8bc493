package controllers

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/explain"
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
			err := fitStatus(&test.status, nil)
			if _, failed := errors.AsType[*stalledError](err); failed != test.dropped || !failed && err != nil {
				t.Errorf("error %.200v, want one: %t", err, test.dropped)
			}
			if text, err := json.Marshal(test.status); err != nil || len(text) > mostSentBytes {
				t.Errorf("%d bytes, %v", len(text), err)
			}
		})
	}
}

// JSON writes six bytes for some characters of an id.
func TestPageOfFriendsIsShortenedToThoseThatFit(t *testing.T) {
	for _, character := range []string{"x", "<", "\x01", "\u65e5"} {
		t.Run(character, func(t *testing.T) {
			friends := &explain.Friends{Complete: true}
			for n := range v1alpha1.MaxReviewFriends {
				id := fmt.Sprintf("%02d", n) + strings.Repeat(character, 253)
				friends.Newest = append(friends.Newest, explain.Friend{UserID: id, Campaign: "invite-friends", Place: "1/" + id})
			}
			var status v1alpha1.RewardReviewStatus
			if err := fitStatus(&status, showFriends(&status, friends)); err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(status)
			if err != nil || len(text) > mostStatusBytes {
				t.Fatalf("%d bytes, %v", len(text), err)
			}
			listed := len(status.Friends.Newest)
			if listed == v1alpha1.MaxReviewFriends {
				if status.Truncated || status.Friends.Next != "" {
					t.Errorf("all are listed: truncated %t, next %q", status.Truncated, status.Friends.Next)
				}
				return
			}
			if listed < 10 || !status.Truncated || status.Friends.Next != friends.Newest[listed-1].Place {
				t.Errorf("%d are listed, truncated: %t, next is %.20q", listed, status.Truncated, status.Friends.Next)
			}
		})
	}
}
