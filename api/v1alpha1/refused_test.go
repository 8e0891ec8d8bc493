package v1alpha1_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// Each refusal names the field and what is allowed there.

const (
	aboutAmounts      = "must be a plain decimal number above zero with at most 14 digits before the point and 4 after it, such as 5.00"
	aboutCurrencies   = "must be a currency code of three capital letters, such as USD"
	aboutRates        = "must be a plain decimal number above 0 and at most 100 with at most 4 decimals, such as 10 or 2.5"
	aboutDurations    = "must be a duration above zero and of at most ten years (87600h), in whole hours, minutes and seconds, such as 720h or 1h30m"
	aboutTimes        = "must be a time in whole seconds from the years 1900 to 9999, such as 2026-11-01T00:00:00Z or 2026-11-01T02:00:00+02:00"
	aboutNames        = "must be the name of an object in the same namespace"
	aboutDestinations = "must be an http or https URL with a host and without user name or blanks, such as https://mysite.com/"
	aboutSchemas      = "must be a plain Postgres identifier"
	aboutRoles        = "must be the name of an existing Postgres role"
	aboutRewards      = "exactly one of fixed, percentage and tiers must be set"
	aboutFirstTier    = "the first tier must have fromPair: 1"
	aboutTierOrder    = "tiers must be in the order of fromPair, the lowest first"
	aboutResyncs      = "must be at least one minute, such as 1m or 30m"
)

type refusal struct {
	rule   string
	patch  string
	field  string
	remedy string
}

func TestRefusedRewardPolicies(t *testing.T) {
	cases := []refusal{
		{"rewards are required", `spec: {rewards: null}`, "spec.rewards", "Required value"},
		{"an empty list of rewards is no reward", `spec: {rewards: []}`, "spec.rewards", "should have at least 1 items"},
		{"nine rewards are too many", nineRewards(), "spec.rewards", "must have at most 8 items"},
		{"two rewards of one name", `spec: {rewards: [{name: a, beneficiary: Referrer, fixed: {amount: "1", currency: USD}}, {name: a, beneficiary: Referee, fixed: {amount: "1", currency: USD}}]}`,
			"spec.rewards[1]", `Duplicate value: {"name":"a"}`},
		{"a reward needs a name", reward(`{beneficiary: Referrer, fixed: {amount: "1", currency: USD}}`), "spec.rewards[0].name", "Required value"},
		{"a reward's name is not empty", reward(`{name: "", beneficiary: Referrer, fixed: {amount: "1", currency: USD}}`), "spec.rewards[0].name", "must be lower-case letters, digits and '-'"},
		{"a reward's name is a label", reward(`{name: "the inviter's", beneficiary: Referrer, fixed: {amount: "1", currency: USD}}`), "spec.rewards[0].name", "must be lower-case letters, digits and '-'"},
		{"a reward needs a beneficiary", reward(`{name: a, fixed: {amount: "1", currency: USD}}`), "spec.rewards[0].beneficiary", "Required value"},
		{"an unknown beneficiary", reward(`{name: a, beneficiary: Everybody, fixed: {amount: "1", currency: USD}}`), "spec.rewards[0].beneficiary", `supported values: "Referrer", "Referee"`},
		{"a beneficiary's case counts", reward(`{name: a, beneficiary: referrer, fixed: {amount: "1", currency: USD}}`), "spec.rewards[0].beneficiary", `supported values: "Referrer", "Referee"`},
		{"neither fixed nor percentage nor tiers", reward(`{name: a, beneficiary: Referrer}`), "spec.rewards[0]", aboutRewards},
		{"both fixed and percentage", reward(`{name: a, beneficiary: Referrer, fixed: {amount: "1", currency: USD}, percentage: {rate: "1"}}`), "spec.rewards[0]", aboutRewards},
		{"both fixed and tiers", reward(`{name: a, beneficiary: Referrer, fixed: {amount: "1", currency: USD}, tiers: [{fromPair: 1, fixed: {amount: "1", currency: USD}}]}`), "spec.rewards[0]", aboutRewards},
		{"both percentage and tiers", reward(`{name: a, beneficiary: Referrer, percentage: {rate: "1"}, tiers: [{fromPair: 1, fixed: {amount: "1", currency: USD}}]}`), "spec.rewards[0]", aboutRewards},
		{"fixed, percentage and tiers", reward(`{name: a, beneficiary: Referrer, fixed: {amount: "1", currency: USD}, percentage: {rate: "1"}, tiers: [{fromPair: 1, fixed: {amount: "1", currency: USD}}]}`), "spec.rewards[0]", aboutRewards},
		{"no tier is no reward", tiers(``), "spec.rewards[0].tiers", "should have at least 1 items"},
		{"33 tiers are too many", tiers(manyTiers(33)), "spec.rewards[0].tiers", "must have at most 32 items"},
		{"tiers that begin at the second pair", tiers(`{fromPair: 2, fixed: {amount: "1", currency: USD}}`), "spec.rewards[0].tiers", aboutFirstTier},
		{"tiers that begin before the first pair", tiers(`{fromPair: 0, fixed: {amount: "1", currency: USD}}`), "spec.rewards[0].tiers[0].fromPair", "greater than or equal to 1"},
		{"tiers with the lowest last", tiers(`{fromPair: 10, fixed: {amount: "1", currency: USD}}, {fromPair: 1, fixed: {amount: "2", currency: USD}}`), "spec.rewards[0].tiers", aboutTierOrder},
		{"tiers out of order in the middle", tiers(`{fromPair: 1, fixed: {amount: "1", currency: USD}}, {fromPair: 20, fixed: {amount: "2", currency: USD}}, {fromPair: 10, fixed: {amount: "3", currency: USD}}`), "spec.rewards[0].tiers", aboutTierOrder},
		{"two tiers from the same pair", tiers(`{fromPair: 1, fixed: {amount: "1", currency: USD}}, {fromPair: 1, fixed: {amount: "2", currency: USD}}`), "spec.rewards[0].tiers[1]", `Duplicate value: {"fromPair":1}`},
		{"tiers of two currencies", tiers(`{fromPair: 1, fixed: {amount: "1", currency: USD}}, {fromPair: 2, fixed: {amount: "2", currency: EUR}}`), "spec.rewards[0].tiers", "all tiers of a reward must be in the same currency"},
		{"a tier needs to say from where", tiers(`{fixed: {amount: "1", currency: USD}}`), "spec.rewards[0].tiers[0].fromPair", "Required value"},
		{"a tier needs an amount", tiers(`{fromPair: 1}`), "spec.rewards[0].tiers[0].fixed", "Required value"},
		{"a tier is no percentage", tiers(`{fromPair: 1, percentage: {rate: "1"}}`), "spec.rewards[0].tiers[0].percentage", "unknown field"},
		{"a tier of zero", tiers(`{fromPair: 1, fixed: {amount: "0.00", currency: USD}}`), "spec.rewards[0].tiers[0].fixed.amount", aboutAmounts},
		{"a tier in between", tiers(`{fromPair: 1.5, fixed: {amount: "1", currency: USD}}`), "spec.rewards[0].tiers[0].fromPair", "must be of type integer"},
		{"a tier beyond the highest number", tiers(`{fromPair: 1, fixed: {amount: "1", currency: USD}}, {fromPair: 1000000001, fixed: {amount: "1", currency: USD}}`), "spec.rewards[0].tiers[1].fromPair", "less than or equal to 1000000000"},
		{"a cap of nothing", `spec: {limits: {pairsPerReferrer: 0}}`, "spec.limits.pairsPerReferrer", "greater than or equal to 1"},
		{"a cap below nothing", `spec: {limits: {pairsPerReferrer: -1}}`, "spec.limits.pairsPerReferrer", "greater than or equal to 1"},
		{"a cap that is none", `spec: {limits: {pairsPerReferrer: 10000000000000000000}}`, "spec.limits.pairsPerReferrer", "must be of type integer"},
		{"a cap in words", `spec: {limits: {pairsPerReferrer: "50"}}`, "spec.limits.pairsPerReferrer", `must be of type integer: "string"`},
		{"a budget is the campaign's", `spec: {limits: {budget: {amount: "1", currency: USD}}}`, "spec.limits.budget", "unknown field"},
		{"an empty condition", `spec: {qualification: {condition: ""}}`, "spec.qualification.condition", "should be at least 1 chars long"},
		{"a condition of 4097 characters", fmt.Sprintf(`spec: {qualification: {condition: %q}}`, strings.Repeat("x", 4097)), "spec.qualification.condition", "may not be more than 4096 bytes"},
		{"a condition that no database takes", `spec: {qualification: {condition: "link.label == '\0'"}}`, "spec.qualification.condition", "must not contain the character NUL"},
		{"a condition is a string", `spec: {qualification: {condition: true}}`, "spec.qualification.condition", `must be of type string: "boolean"`},
		{"fixed is nothing without an amount", reward(`{name: a, beneficiary: Referrer, fixed: {currency: USD}}`), "spec.rewards[0].fixed.amount", "Required value"},
		{"fixed is nothing without a currency", reward(`{name: a, beneficiary: Referrer, fixed: {amount: "1"}}`), "spec.rewards[0].fixed.currency", "Required value"},
		{"percentage is nothing without a rate", reward(`{name: a, beneficiary: Referrer, percentage: {}}`), "spec.rewards[0].percentage.rate", "Required value"},
		{"an amount is a string", reward(`{name: a, beneficiary: Referrer, fixed: {amount: 5, currency: USD}}`), "spec.rewards[0].fixed.amount", `must be of type string: "integer"`},
		{"purchases of another kind", `spec: {qualification: {purchases: Second}}`, "spec.qualification.purchases", `supported values: "First", "Every"`},
		{"an unknown scope", `spec: {revisionScope: SomePairs}`, "spec.revisionScope", `supported values: "NewPairs", "HeldPairs", "AllPairs"`},
		{"a hold in days", `spec: {holdPeriod: 14d}`, "spec.holdPeriod", aboutDurations},
		{"one minimum per currency", `spec: {qualification: {minimumAmounts: [{amount: "1", currency: USD}, {amount: "2", currency: USD}]}}`, "spec.qualification.minimumAmounts[1]", `Duplicate value: {"currency":"USD"}`},
		{"a minimum of zero", `spec: {qualification: {minimumAmounts: [{amount: "0", currency: USD}]}}`, "spec.qualification.minimumAmounts[0].amount", aboutAmounts},
		{"one maximum per currency", reward(`{name: a, beneficiary: Referrer, percentage: {rate: "1", maximumAmounts: [{amount: "1", currency: USD}, {amount: "2", currency: USD}]}}`), "spec.rewards[0].percentage.maximumAmounts[1]", `Duplicate value: {"currency":"USD"}`},
		{"a maximum below zero", reward(`{name: a, beneficiary: Referrer, percentage: {rate: "1", maximumAmounts: [{amount: "-1", currency: USD}]}}`), "spec.rewards[0].percentage.maximumAmounts[0].amount", aboutAmounts},
		{"an unknown field", `spec: {holdperiod: 14h}`, "spec.holdperiod", "unknown field"},
		{"an unknown field in a list", reward(`{name: a, beneficiary: Referrer, fixed: {amount: "1", currency: USD, cents: 5}}`), "spec.rewards[0].fixed.cents", "unknown field"},
		{"a policy without spec", `spec: null`, "spec", "Required value"},
	}
	for _, amount := range []string{"", "0", "0.00", "0.0000", "-5", "-0.01", "+5", "5,00", "1,000.00", "1e3", "1E3", "0x10", " 5", "5 ", "5.", ".5", "05", "00.5", "5.00000", "５", "NaN", "Infinity", "5.00 USD", "$5", "12345678901234567890", "123456789012345"} {
		cases = append(cases, refusal{"an amount of " + amount, reward(fmt.Sprintf(`{name: a, beneficiary: Referrer, fixed: {amount: %q, currency: USD}}`, amount)), "spec.rewards[0].fixed.amount", aboutAmounts})
	}
	for _, currency := range []string{"", "usd", "US", "Usd", "U$D", "123", "ÀÉ"} {
		cases = append(cases, refusal{"a currency of " + currency, reward(fmt.Sprintf(`{name: a, beneficiary: Referrer, fixed: {amount: "1", currency: %q}}`, currency)), "spec.rewards[0].fixed.currency", aboutCurrencies})
	}
	for _, rate := range []string{"", "0", "0.0000", "100.0001", "101", "1000", "-1", "1e1", "10%", "0,5", ".5", "5.", "010", "1.00001", "NaN"} {
		cases = append(cases, refusal{"a rate of " + rate, reward(fmt.Sprintf(`{name: a, beneficiary: Referrer, percentage: {rate: %q}}`, rate)), "spec.rewards[0].percentage.rate", aboutRates})
	}
	for _, duration := range []string{"", "0", "0s", "0h0m0s", "-5h", "-1s", "5", "5d", "1w", "1.5h", "100ms", "1ns", "1s1h", "h", "1H", "87601h", "87600h1s", "999999h", "999999h99999999m999999999s", " 1h", "1 h", "P1D"} {
		cases = append(cases,
			refusal{"a hold of " + duration, fmt.Sprintf(`spec: {holdPeriod: %q}`, duration), "spec.holdPeriod", aboutDurations},
			refusal{"a purchase within " + duration, fmt.Sprintf(`spec: {qualification: {withinSignup: %q}}`, duration), "spec.qualification.withinSignup", aboutDurations},
			refusal{"a purchase before by " + duration, fmt.Sprintf(`spec: {qualification: {beforeSignup: %q}}`, duration), "spec.qualification.beforeSignup", aboutDurations})
	}
	refused(t, "RewardPolicy", cases)
}

func TestRefusedReferralCampaigns(t *testing.T) {
	cases := []refusal{
		{"a database is required", `spec: {databaseRef: null}`, "spec.databaseRef", "Required value"},
		{"a policy is required", `spec: {policyRef: null}`, "spec.policyRef", "Required value"},
		{"a reference needs a name", `spec: {databaseRef: {name: null}}`, "spec.databaseRef.name", "Required value"},
		{"a reference carries no namespace", `spec: {policyRef: {namespace: other}}`, "spec.policyRef.namespace", "unknown field"},
		{"an end before the start", `spec: {startsAt: "2027-01-02T00:00:00Z"}`, "spec.endsAt", "endsAt must be after startsAt"},
		{"an end at the start", `spec: {startsAt: "2027-01-01T00:00:00Z"}`, "spec.endsAt", "endsAt must be after startsAt"},
		{"an end before the start in another zone", `spec: {startsAt: "2026-12-31T20:00:00-05:00"}`, "spec.endsAt", "endsAt must be after startsAt"},
		{"an unknown deletion policy", `spec: {deletionPolicy: Delete}`, "spec.deletionPolicy", `supported values: "Retain", "Reverse"`},
		{"a budget is nothing without an amount", `spec: {budget: {amount: null}}`, "spec.budget.amount", "Required value"},
		{"a budget is nothing without a currency", `spec: {budget: {currency: null}}`, "spec.budget.currency", "Required value"},
		{"a budget of nothing", `spec: {budget: {amount: "0.00"}}`, "spec.budget.amount", aboutAmounts},
		{"a budget in a currency of two letters", `spec: {budget: {currency: US}}`, "spec.budget.currency", aboutCurrencies},
		{"a budget is money", `spec: {budget: "10000 USD"}`, "spec.budget", `must be of type object: "string"`},
		{"suspend is no string", `spec: {suspend: "true"}`, "spec.suspend", `must be of type boolean: "string"`},
		{"a destination beyond 2048 characters", fmt.Sprintf(`spec: {destination: "https://mysite.com/%s"}`, strings.Repeat("x", 2048)), "spec.destination", "may not be more than 2048 bytes"},
	}
	for _, name := range []string{"", "Shop", "shop_db", "growth/shop", "-shop", "shop-", "a..b", "shop db", "schöp"} {
		cases = append(cases,
			refusal{"a database called " + name, fmt.Sprintf(`spec: {databaseRef: {name: %q}}`, name), "spec.databaseRef.name", aboutNames},
			refusal{"a policy called " + name, fmt.Sprintf(`spec: {policyRef: {name: %q}}`, name), "spec.policyRef.name", aboutNames})
	}
	for _, window := range []string{"", "0s", "-720h", "30d", "99999h"} {
		cases = append(cases, refusal{"a window of " + window, fmt.Sprintf(`spec: {attributionWindow: %q}`, window), "spec.attributionWindow", aboutDurations})
	}
	for _, interval := range []string{"1s", "59s", "0h0m59s", "000000059s"} {
		cases = append(cases, refusal{"a resync each " + interval, fmt.Sprintf(`spec: {resyncInterval: %q}`, interval), "spec.resyncInterval", aboutResyncs})
	}
	for _, interval := range []string{"", "0s", "1d", "-1m", "99999h", "999999h99999999m999999999s"} {
		cases = append(cases, refusal{"a resync each " + interval, fmt.Sprintf(`spec: {resyncInterval: %q}`, interval), "spec.resyncInterval", aboutDurations})
	}
	for _, time := range []string{"2026-11-01T00:00:00.5Z", "1899-12-31T23:59:59Z", "1900-01-01T00:00:00+05:00", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z"} {
		cases = append(cases, refusal{"a start at " + time, fmt.Sprintf(`spec: {startsAt: %q}`, time), "spec.startsAt", aboutTimes})
	}
	cases = append(cases, refusal{"an end past what a time can be", `spec: {endsAt: "9999-12-31T23:59:59-10:00"}`, "spec.endsAt", aboutTimes})
	for _, time := range []string{"", "2026-11-01", "2026-11-31T00:00:00Z", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-01T24:00:00Z", "2026-11-01T23:59:60Z", "2026-11-01 00:00:00Z", "tomorrow", "1793491200"} {
		cases = append(cases, refusal{"a start at " + time, fmt.Sprintf(`spec: {startsAt: %q}`, time), "spec.startsAt", "must be of type date-time"})
	}
	for _, time := range []string{"2026-11-01T00:00Z", "2026-11-01T00:00:00", "2026-11-01t00:00:00Z", "2026-11-01T00:00:00z", "2026-11-01T00:00:00+0200", "2026-11-01T00:00:00,5Z", "2026-11-01T00:00:00.000000001Z"} {
		cases = append(cases, refusal{"a start at " + time, fmt.Sprintf(`spec: {startsAt: %q}`, time), "spec.startsAt", ""})
	}
	for _, url := range []string{"/welcome", "mysite.com", "//mysite.com/", "https:mysite.com", "https:/mysite.com", "https://", "https:///welcome", "http://?q", "ftp://mysite.com/", "javascript:alert(1)", "HTTPS://mysite.com/", "https://user@mysite.com/", "https://user:password@mysite.com/", "https://my site.com/", "https://mysite.com/a b", "https://mysite.com/\t", " https://mysite.com/", "https://mysite.com/%zz", "https://mysite.com:0/", "https://mysite.com:99999/", "https://mysite.com:port/", "https://-mysite.com/", "https://mysite..com/", "https://[::1/", "https://[zz]/", `https://mysite.com\@evil.com/`, "https://bücher.example/"} {
		cases = append(cases, refusal{"a destination of " + url, fmt.Sprintf(`spec: {destination: %q}`, url), "spec.destination", aboutDestinations})
	}
	refused(t, "ReferralCampaign", cases)
}

func TestRefusedAttributionDatabases(t *testing.T) {
	cases := []refusal{
		{"a Secret is required", `spec: {secretRef: null}`, "spec.secretRef", "Required value"},
		{"a Secret needs a name", `spec: {secretRef: {name: null}}`, "spec.secretRef.name", "Required value"},
		{"an empty Secret name", `spec: {secretRef: {name: ""}}`, "spec.secretRef.name", aboutNames},
		{"a Secret of another namespace", `spec: {secretRef: {name: growth/shop-db}}`, "spec.secretRef.name", aboutNames},
		{"a key that no Secret has", `spec: {secretRef: {key: "u r i"}}`, "spec.secretRef.key", "must be a key of a Secret"},
		{"an empty key", `spec: {secretRef: {key: ""}}`, "spec.secretRef.key", "must be a key of a Secret"},
		{"an empty name of a CA", `spec: {tls: {caSecretRef: {name: ""}}}`, "spec.tls.caSecretRef.name", aboutNames},
		{"a CA where nothing is encrypted", `spec: {tls: {mode: Disable}}`, "spec.tls.caSecretRef", "caSecretRef may only be set with mode VerifyFull or Require"},
		{"a mode of libpq", `spec: {tls: {mode: verify-full}}`, "spec.tls.mode", `supported values: "VerifyFull", "Require", "Disable"`},
		{"a model of another school", `spec: {attribution: Linear}`, "spec.attribution", `supported values: "LastTouch", "FirstTouch"`},
		{"one role twice", `spec: {roles: {writers: [shop, shop]}}`, "spec.roles.writers[1]", `Duplicate value: "shop"`},
		{"a role beyond 63 characters", fmt.Sprintf(`spec: {roles: {writers: [%s]}}`, strings.Repeat("x", 64)), "spec.roles.writers[0]", "may not be more than 63 bytes"},
		{"one connection is not enough", `spec: {maxConnections: 1}`, "spec.maxConnections", "greater than or equal to 2"},
		{"no connection is not enough", `spec: {maxConnections: 0}`, "spec.maxConnections", "greater than or equal to 2"},
		{"101 connections are too many", `spec: {maxConnections: 101}`, "spec.maxConnections", "less than or equal to 100"},
		{"a connection and a half", `spec: {maxConnections: 2.5}`, "spec.maxConnections", "must be of type integer"},
		{"a URI has no place in a spec", `spec: {uri: "postgresql://shop:secret@db/shop"}`, "spec.uri", "unknown field"},
	}
	for _, schema := range []string{"", "public", "pg_catalog", "pg_", "information_schema", "Referral", "1referral", "my-referral", "my.referral", "my referral", `"referral"`, "referral;drop table x", "référral"} {
		cases = append(cases, refusal{"a schema called " + schema, fmt.Sprintf(`spec: {schema: %q}`, schema), "spec.schema", aboutSchemas})
	}
	for _, word := range reservedWords(t) {
		cases = append(cases, refusal{"a schema called " + word, fmt.Sprintf(`spec: {schema: %q}`, word), "spec.schema", "must not be a word that SQL reserves"})
	}
	for _, role := range []string{"", "public", "none", "pg_read_all_data", " shop", "shop ", "sh\top", "schöp"} {
		cases = append(cases,
			refusal{"a writer called " + role, fmt.Sprintf(`spec: {roles: {writers: [%q]}}`, role), "spec.roles.writers[0]", aboutRoles},
			refusal{"a reader called " + role, fmt.Sprintf(`spec: {roles: {readers: [%q]}}`, role), "spec.roles.readers[0]", aboutRoles})
	}
	refused(t, "AttributionDatabase", cases)
}

func refused(t *testing.T, kind string, cases []refusal) {
	t.Helper()
	c := cluster(t)
	for _, tc := range cases {
		t.Run(tc.rule, func(t *testing.T) {
			err := c.Create(context.Background(), example(t, kind, tc.patch), strict, client.DryRunAll)
			if err == nil {
				t.Fatal("accepted")
			}
			// A message of several lines has one per cause; the cure must stand beside the field.
			for _, cause := range causes(err) {
				if strings.Contains(cause, tc.field) && strings.Contains(cause, tc.remedy) {
					return
				}
			}
			t.Errorf("refused without a cause that names %q and says %q:\n%v", tc.field, tc.remedy, err)
		})
	}
}

func reward(body string) string { return "spec: {rewards: [" + body + "]}" }

func tiers(list string) string {
	return reward("{name: a, beneficiary: Referrer, tiers: [" + list + "]}")
}

func manyTiers(count int) string {
	var all []string
	for i := range count {
		all = append(all, fmt.Sprintf(`{fromPair: %d, fixed: {amount: "1", currency: USD}}`, i+1))
	}
	return strings.Join(all, ", ")
}

func nineRewards() string {
	var all []string
	for i := range 9 {
		all = append(all, fmt.Sprintf(`{name: r%d, beneficiary: Referrer, fixed: {amount: "1", currency: USD}}`, i))
	}
	return reward(strings.Join(all, ", "))
}

// causes lists what an error of the API server is made of, each with the field it is about.
func causes(err error) []string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil || len(status.Status().Details.Causes) == 0 {
		return []string{err.Error()}
	}
	var all []string
	for _, cause := range status.Status().Details.Causes {
		all = append(all, cause.Field+": "+cause.Message)
	}
	return all
}

// reservedWords asks a real Postgres which words cannot name a schema without quotes.
func reservedWords(t *testing.T) []string {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), testworld.NewDatabase(t).URI)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(context.Background())
	rows, err := connection.Query(t.Context(), "SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T')")
	if err != nil {
		t.Fatal(err)
	}
	words, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(words) < 50 {
		t.Fatalf("%d words, error %v", len(words), err)
	}
	return words
}
