package v1alpha1_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestRefusedRewardReviews(t *testing.T) {
	const (
		aboutTTLs   = "must be from 10s to 1h, such as 1m"
		aboutPeople = "must have either userID, or referrerID to ask about a referrer's friends"
	)
	cases := []refusal{
		{"a database is required", `spec: {databaseRef: null}`, "spec.databaseRef", "Required value"},
		{"neither a user nor a referrer", `spec: {userID: null, purchaseID: null}`, "spec", aboutPeople},
		{"both a user and a referrer", `spec: {referrerID: alice}`, "spec", aboutPeople},
		{"a purchase of a referrer", `spec: {userID: null, referrerID: alice}`, "spec.purchaseID", "may only be set with userID"},
		{"a page of purchases", `spec: {after: "1/bob"}`, "spec.after", "may only be set with referrerID"},
		{"a page after nothing", `spec: {userID: null, purchaseID: null, referrerID: alice, after: ""}`, "spec.after", "should be at least 1 chars long"},
		{"a ttl of nine seconds", `spec: {ttl: 9s}`, "spec.ttl", aboutTTLs},
		{"a ttl above an hour", `spec: {ttl: 1h0m1s}`, "spec.ttl", aboutTTLs},
		{"a ttl in days", `spec: {ttl: 1d}`, "spec.ttl", aboutDurations},
	}
	for _, field := range []string{"userID", "purchaseID", "referrerID"} {
		path := "spec." + field
		cases = append(cases,
			refusal{"an empty " + field, fmt.Sprintf(`spec: {%s: ""}`, field), path, "should be at least 1 chars long"},
			refusal{"a long " + field, fmt.Sprintf(`spec: {%s: %q}`, field, strings.Repeat("x", 256)), path, "may not be more than 255 bytes"},
			refusal{"a NUL in " + field, fmt.Sprintf(`spec: {%s: "a\0b"}`, field), path, "must not contain the character NUL"})
	}
	refused(t, "RewardReview", cases)
}
