package v1alpha1_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

func TestDesignExampleIsAccepted(t *testing.T) {
	c := cluster(t)
	for _, object := range objects(t, "testdata/design.yaml") {
		wanted := object.DeepCopy().Object["spec"]
		if err := c.Create(context.Background(), object, strict, client.DryRunAll); err != nil {
			t.Errorf("%s: %v", object.GetKind(), err)
		}
		if diff := cmp.Diff(whole(wanted), whole(object.Object["spec"])); diff != "" {
			t.Errorf("%s: the API server kept something else (-written +kept):\n%s", object.GetKind(), diff)
		}
	}
}

func TestSamplesAreAccepted(t *testing.T) {
	c := cluster(t)
	for _, name := range []string{"attributiondatabase", "rewardpolicy", "referralcampaign", "rewardplan", "secret_reader_role_binding"} {
		for _, object := range objects(t, "../../config/samples/"+name+".yaml") {
			if err := c.Create(context.Background(), object, strict, client.DryRunAll); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestDefaults(t *testing.T) {
	cases := []struct {
		rule, kind, patch string
		want              string
	}{
		{
			"a database needs no more than its Secret", "AttributionDatabase",
			`spec: {secretRef: {key: null}, tls: null, schema: null, attribution: null, roles: null, verifyInterval: null, maxConnections: null, suspend: null}`,
			`{secretRef: {name: shop-db, key: uri}, schema: referral, attribution: LastTouch, verifyInterval: 24h, maxConnections: 8}`,
		},
		{
			"tls verifies by default", "AttributionDatabase",
			`spec: {secretRef: {key: null}, tls: {mode: null, caSecretRef: {key: null}}, schema: null, attribution: null, roles: null, verifyInterval: null, maxConnections: null, suspend: null}`,
			`{secretRef: {name: shop-db, key: uri}, tls: {mode: VerifyFull, caSecretRef: {name: shop-ca, key: ca.crt}}, schema: referral, attribution: LastTouch, verifyInterval: 24h, maxConnections: 8}`,
		},
		{
			"a policy needs no more than a reward", "RewardPolicy",
			`spec: {qualification: null, holdPeriod: null, limits: null, revisionScope: null, rewards: [{name: a, beneficiary: Referee, percentage: {rate: "10"}}]}`,
			`{qualification: {purchases: First, beforeSignup: 1h}, revisionScope: NewPairs, rewards: [{name: a, beneficiary: Referee, percentage: {rate: "10"}}]}`,
		},
		{
			"a qualification is about the first purchase", "RewardPolicy",
			`spec: {qualification: {purchases: null, beforeSignup: null, withinSignup: 1h, minimumAmounts: null, condition: null}, holdPeriod: null, limits: null, revisionScope: null, rewards: [{name: a, beneficiary: Referee, percentage: {rate: "10"}}]}`,
			`{qualification: {purchases: First, beforeSignup: 1h, withinSignup: 1h}, revisionScope: NewPairs, rewards: [{name: a, beneficiary: Referee, percentage: {rate: "10"}}]}`,
		},
		{
			"a campaign needs no more than its references", "ReferralCampaign",
			`spec: {startsAt: null, endsAt: null, attributionWindow: null, destination: null, budget: null, deletionPolicy: null, suspend: null, resyncInterval: null}`,
			`{databaseRef: {name: shop}, policyRef: {name: five-dollars}, attributionWindow: 720h, deletionPolicy: Retain, resyncInterval: 30m}`,
		},
		{
			"a plan needs no more than a campaign", "RewardPlan",
			`spec: {proposed: null, detail: null, ttl: null}`,
			`{campaignRef: {name: invite-friends}, detail: None, ttl: 1h}`,
		},
		{
			"proposed specs have the defaults of the real ones", "RewardPlan",
			`spec: {proposed: {policy: {qualification: null, revisionScope: null}, campaign: {attributionWindow: null, budget: null, deletionPolicy: null, resyncInterval: null}}}`,
			`{campaignRef: {name: invite-friends}, detail: None, ttl: 1h, proposed: {
				policy: {qualification: {purchases: First, beforeSignup: 1h}, revisionScope: NewPairs, rewards: [{name: inviter, beneficiary: Referrer, fixed: {amount: "7.00", currency: USD}}]},
				campaign: {databaseRef: {name: shop}, policyRef: {name: five-dollars}, attributionWindow: 720h, deletionPolicy: Retain, resyncInterval: 30m}}}`,
		},
	}
	c := cluster(t)
	for _, tc := range cases {
		t.Run(tc.rule, func(t *testing.T) {
			object := example(t, tc.kind, tc.patch)
			object.SetGenerateName("defaults-")
			object.SetName("")
			if err := c.Create(context.Background(), object, strict); err != nil {
				t.Fatal(err)
			}
			// Read again: a status is defaulted on its way out of the store, not on its way in.
			if err := c.Get(context.Background(), client.ObjectKeyFromObject(object), object); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(parse(t, tc.want), whole(object.Object["spec"])); diff != "" {
				t.Errorf("spec (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(map[string]any{"observedGeneration": int64(-1)}, object.Object["status"]); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
			decoded := decode(t, object)
			if generation := observedGeneration(decoded); generation != -1 {
				t.Errorf("decoded observedGeneration %d, want -1", generation)
			}
		})
	}
}

// Values next to refused ones, and values that people are likely to write.
func TestAccepted(t *testing.T) {
	type acceptance struct{ rule, kind, patch string }
	cases := []acceptance{
		{"the key of a CloudNativePG app Secret", "AttributionDatabase", `spec: {secretRef: {name: shop-db-app, key: fqdn-uri}}`},
		{"TLS without verification", "AttributionDatabase", `spec: {tls: {mode: Require, caSecretRef: null}}`},
		{"TLS that verifies the certificate and not the host name", "AttributionDatabase", `spec: {tls: {mode: Require}}`},
		{"no TLS", "AttributionDatabase", `spec: {tls: {mode: Disable, caSecretRef: null}}`},
		{"roles with capitals, blanks and at-signs", "AttributionDatabase", `spec: {roles: {writers: ["Shop App", "shop@project.iam"], readers: ["bi-tool", "Public"]}}`},
		{"a role that reads and writes", "AttributionDatabase", `spec: {roles: {writers: [shop], readers: [shop]}}`},
		{"no roles", "AttributionDatabase", `spec: {roles: {writers: [], readers: []}}`},
		{"2 connections", "AttributionDatabase", `spec: {maxConnections: 2}`},
		{"100 connections", "AttributionDatabase", `spec: {maxConnections: 100}`},
		{"first touch", "AttributionDatabase", `spec: {attribution: FirstTouch}`},
		{"eight rewards", "RewardPolicy", strings.Replace(nineRewards(), `{name: r8, beneficiary: Referrer, fixed: {amount: "1", currency: USD}}`, "", 1)},
		{"every purchase", "RewardPolicy", `spec: {qualification: {purchases: Every}}`},
		{"minimums in several currencies", "RewardPolicy", `spec: {qualification: {minimumAmounts: [{amount: "20.00", currency: USD}, {amount: "2000", currency: JPY}]}}`},
		{"a reward named by a digit", "RewardPolicy", reward(`{name: "1", beneficiary: Referrer, fixed: {amount: "1", currency: USD}}`)},
		{"one tier", "RewardPolicy", tiers(manyTiers(1))},
		{"32 tiers", "RewardPolicy", tiers(manyTiers(32))},
		{"tiers with gaps", "RewardPolicy", tiers(`{fromPair: 1, fixed: {amount: "5.00", currency: USD}}, {fromPair: 10, fixed: {amount: "7.50", currency: USD}}, {fromPair: 1000000000, fixed: {amount: "10", currency: USD}}`)},
		{"tiers that fall", "RewardPolicy", tiers(`{fromPair: 1, fixed: {amount: "5.00", currency: USD}}, {fromPair: 2, fixed: {amount: "1.00", currency: USD}}`)},
		{"rewards of each form", "RewardPolicy", reward(`{name: a, beneficiary: Referrer, tiers: [` + manyTiers(2) + `]}, {name: b, beneficiary: Referee, fixed: {amount: "1", currency: EUR}}, {name: c, beneficiary: Referee, percentage: {rate: "1"}}`)},
		{"eight rewards of 32 tiers", "RewardPolicy", strings.NewReplacer(`fixed: {amount: "1", currency: USD}`, "tiers: ["+manyTiers(32)+"]", `{name: r8, beneficiary: Referrer, fixed: {amount: "1", currency: USD}}`, "").Replace(nineRewards())},
		{"a cap of one", "RewardPolicy", `spec: {limits: {pairsPerReferrer: 1}}`},
		{"the largest cap", "RewardPolicy", `spec: {limits: {pairsPerReferrer: 1000000000}}`},
		{"a cap written as a number of its own kind", "RewardPolicy", `spec: {limits: {pairsPerReferrer: 5e1}}`},
		{"limits of nothing", "RewardPolicy", `spec: {limits: {pairsPerReferrer: null}}`},
		{"a condition over several lines", "RewardPolicy", `spec: {qualification: {condition: "link.label != 'press'\n\t&& purchase.amount > 5000 // fifty dollars\n"}}`},
		{"a condition about bücher", "RewardPolicy", `spec: {qualification: {condition: "purchase.attributes['kategorie'] == 'bücher 📚'"}}`},
		{"a condition of 4096 characters", "RewardPolicy", fmt.Sprintf(`spec: {qualification: {condition: %q}}`, strings.Repeat("x", 4096))},
		{"an edit that reaches held pairs", "RewardPolicy", `spec: {revisionScope: HeldPairs}`},
		{"an edit that reaches all pairs", "RewardPolicy", `spec: {revisionScope: AllPairs}`},
		{"no budget", "ReferralCampaign", `spec: {budget: null}`},
		{"the least budget", "ReferralCampaign", `spec: {budget: {amount: "0.01"}}`},
		{"the largest budget", "ReferralCampaign", `spec: {budget: {amount: "99999999999999.9999", currency: CLF}}`},
		{"credits that go with the campaign", "ReferralCampaign", `spec: {deletionPolicy: Reverse}`},
		{"an open end", "ReferralCampaign", `spec: {endsAt: null}`},
		{"an open start", "ReferralCampaign", `spec: {startsAt: null}`},
		{"times of two zones", "ReferralCampaign", `spec: {startsAt: "2026-12-31T23:00:00-05:00", endsAt: "2027-01-01T15:00:00+10:00"}`},
		{"the latest end", "ReferralCampaign", `spec: {endsAt: "9999-12-31T23:59:59Z"}`},
		{"the twentieth century", "ReferralCampaign", `spec: {startsAt: "1900-01-01T00:00:00Z"}`},
		{"a plan of a policy alone", "RewardPlan", `spec: {proposed: {campaign: null}}`},
		{"a plan of a campaign alone", "RewardPlan", `spec: {proposed: {policy: null}}`},
		{"a plan of a deletion", "RewardPlan", `spec: {proposed: {policy: null, campaign: null, delete: true}}`},
		{"a plan without an edit", "RewardPlan", `spec: {proposed: null}`},
		{"a plan that names people", "RewardPlan", `spec: {detail: Largest}`},
		{"a plan that is kept for a day", "RewardPlan", `spec: {ttl: 24h}`},
		{"a plan that is kept for a second", "RewardPlan", `spec: {ttl: 1s}`},
		{"a dotted reference", "ReferralCampaign", `spec: {policyRef: {name: five.dollars}}`},
	}
	for _, amount := range []string{"1", "0.01", "0.0001", "5.00", "5.0", "10", "99999999999999.9999", "99999999999999"} {
		cases = append(cases, acceptance{"an amount of " + amount, "RewardPolicy", reward(fmt.Sprintf(`{name: a, beneficiary: Referrer, fixed: {amount: %q, currency: USD}}`, amount))})
	}
	for _, rate := range []string{"0.0001", "1", "2.5", "10", "12.50", "99.9999", "100", "100.00"} {
		cases = append(cases, acceptance{"a rate of " + rate, "RewardPolicy", reward(fmt.Sprintf(`{name: a, beneficiary: Referrer, percentage: {rate: %q}}`, rate))})
	}
	for _, duration := range []string{"1s", "1m", "336h", "1h30m", "720h0m0s", "0h5m", "87600h", "87599h59m60s", "315360000s", "5256000m"} {
		cases = append(cases, acceptance{"a hold of " + duration, "RewardPolicy", fmt.Sprintf(`spec: {holdPeriod: %q}`, duration)})
	}
	for _, interval := range []string{"1m", "60s", "0h1m0s", "30m0s", "87600h"} {
		cases = append(cases, acceptance{"a resync each " + interval, "ReferralCampaign", fmt.Sprintf(`spec: {resyncInterval: %q}`, interval)})
	}
	for _, url := range []string{"http://mysite.com", "https://mysite.com:8443/welcome?utm_source=friend&x=%20y#top", "http://localhost:8080", "http://127.0.0.1/", "https://[::1]:8080/", "https://xn--bcher-kva.example/", "https://mysite.com/user@home", "https://mysite.com?x[]=1"} {
		cases = append(cases, acceptance{"a destination of " + url, "ReferralCampaign", fmt.Sprintf(`spec: {destination: %q}`, url)})
	}
	for _, schema := range []string{"r", "_referral", "referral_2", "selects", "p_g", strings.Repeat("r", 63)} {
		cases = append(cases, acceptance{"a schema called " + schema, "AttributionDatabase", fmt.Sprintf(`spec: {schema: %q}`, schema)})
	}
	c := cluster(t)
	for _, tc := range cases {
		t.Run(tc.rule, func(t *testing.T) {
			object := example(t, tc.kind, tc.patch)
			if err := c.Create(context.Background(), object, strict, client.DryRunAll); err != nil {
				t.Fatal(err)
			}
			decode(t, object)
		})
	}
}

// What an edit may change, and what it may not.
func TestEdits(t *testing.T) {
	cases := []struct {
		rule, kind, patch string
		want              string // empty: accepted
	}{
		{"a schema is for life", "AttributionDatabase", `spec: {schema: other}`, "spec.schema: Invalid value: \"other\": schema is immutable; delete this AttributionDatabase"},
		{"leaving the schema out is the default, and so no change", "AttributionDatabase", `spec: {schema: null}`, ""},
		{"a Secret may change", "AttributionDatabase", `spec: {secretRef: {name: other}}`, ""},
		{"the attribution model may change", "AttributionDatabase", `spec: {attribution: FirstTouch}`, ""},
		{"a campaign stays with its database", "ReferralCampaign", `spec: {databaseRef: {name: other}}`, "spec.databaseRef: Invalid value: databaseRef is immutable; delete this ReferralCampaign"},
		{"a campaign may change its policy", "ReferralCampaign", `spec: {policyRef: {name: other}}`, ""},
		{"a campaign may lose its period", "ReferralCampaign", `spec: {startsAt: null, endsAt: null}`, ""},
		{"a campaign may lose its budget", "ReferralCampaign", `spec: {budget: null}`, ""},
		{"a campaign may change its budget's currency", "ReferralCampaign", `spec: {budget: {currency: EUR}}`, ""},
		{"a campaign may change its mind about its credits", "ReferralCampaign", `spec: {deletionPolicy: Reverse}`, ""},
		{"a plan keeps its campaign", "RewardPlan", `spec: {campaignRef: {name: other}}`, "spec: Invalid value: a plan is immutable; create another"},
		{"a plan keeps what it proposes", "RewardPlan", `spec: {proposed: {policy: {holdPeriod: 1h}}}`, "a plan is immutable"},
		{"a plan gains no edit", "RewardPlan", `spec: {proposed: {campaign: {suspend: true}}}`, "a plan is immutable"},
		{"a plan loses no edit", "RewardPlan", `spec: {proposed: null}`, "a plan is immutable"},
		{"a plan keeps its detail", "RewardPlan", `spec: {detail: Largest}`, "a plan is immutable"},
		{"a plan keeps its ttl", "RewardPlan", `spec: {ttl: 2h}`, "a plan is immutable"},
		{"a plan may get labels", "RewardPlan", `metadata: {labels: {pull-request: "7"}}`, ""},
		{"a policy may change its scope", "RewardPolicy", `spec: {revisionScope: AllPairs}`, ""},
		{"a fixed reward may get tiers", "RewardPolicy", tiers(manyTiers(3)), ""},
		{"a policy may change its rewards", "RewardPolicy", reward(`{name: other, beneficiary: Referee, percentage: {rate: "1"}}`), ""},
	}
	c := cluster(t)
	for _, tc := range cases {
		t.Run(tc.rule, func(t *testing.T) {
			object := example(t, tc.kind, "")
			object.SetGenerateName("edits-")
			object.SetName("")
			if err := c.Create(context.Background(), object, strict); err != nil {
				t.Fatal(err)
			}
			object.Object = merge(object.Object, parse(t, tc.patch)).(map[string]any)
			err := c.Update(context.Background(), object, strict)
			if tc.want == "" && err != nil {
				t.Error(err)
			}
			if tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got error %v, want one that says %q", err, tc.want)
			}
		})
	}
}

func TestNonDefaultSchemaCannotBeRemovedLater(t *testing.T) {
	c := cluster(t)
	object := example(t, "AttributionDatabase", `{metadata: {name: other-schema}, spec: {schema: other}}`)
	if err := c.Create(context.Background(), object, strict); err != nil {
		t.Fatal(err)
	}
	unstructured.RemoveNestedField(object.Object, "spec", "schema")
	if err := c.Update(context.Background(), object, strict); err == nil || !strings.Contains(err.Error(), "schema is immutable") {
		t.Errorf("got error %v, want one that says the schema is immutable", err)
	}
}

// Zeros are written: a status of nothing but zeros says that there is nothing, not that nothing is
// known.
func TestStatusKeepsZeros(t *testing.T) {
	c := cluster(t)
	campaign := &v1alpha1.ReferralCampaign{}
	campaign.SetName("zeros")
	campaign.Spec.DatabaseRef.Name, campaign.Spec.PolicyRef.Name = "shop", "five-dollars"
	if err := c.Create(context.Background(), campaign, strict); err != nil {
		t.Fatal(err)
	}
	campaign.Status = v1alpha1.ReferralCampaignStatus{
		ObservedGeneration: 1,
		Pairs:              &v1alpha1.PairCounts{},
		Credits:            []v1alpha1.CurrencyCredit{{Currency: "USD", Granted: "0.00", Held: "0.00", Reversed: "0.00", BudgetRemaining: "0.00"}},
		Rollout:            &v1alpha1.Rollout{},
	}
	if err := c.Status().Update(context.Background(), campaign, strict); err != nil {
		t.Fatal(err)
	}
	stored := &unstructured.Unstructured{}
	stored.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("ReferralCampaign"))
	if err := c.Get(context.Background(), client.ObjectKeyFromObject(campaign), stored); err != nil {
		t.Fatal(err)
	}
	want := parse(t, `
observedGeneration: 1
pairs: {awaitingPurchase: 0, waiting: 0, held: 0, granted: 0, reversed: 0}
credits: [{currency: USD, granted: "0.00", held: "0.00", reversed: "0.00", budgetRemaining: "0.00"}]
rollout: {revision: 0, decided: 0, total: 0}
lastHandledReconcileAt: ""
driftCorrected: 0
conditionErrors: 0`)
	if diff := cmp.Diff(whole(want), whole(stored.Object["status"])); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

func TestStatusOfAPlanKeepsZeros(t *testing.T) {
	c := cluster(t)
	plan := &v1alpha1.RewardPlan{}
	plan.SetName("zeros")
	plan.Spec.CampaignRef.Name = "invite-friends"
	if err := c.Create(context.Background(), plan, strict); err != nil {
		t.Fatal(err)
	}
	none := v1alpha1.PlanMovement{Up: "0.00", Down: "0.00"}
	plan.Status = v1alpha1.RewardPlanStatus{
		ObservedGeneration: 1,
		Progress:           &v1alpha1.PlanProgress{},
		Grant:              "0.00 USD",
		Reverse:            "0.00 USD",
		Effects:            []v1alpha1.PlanEffect{{Currency: "USD", Granted: none, Held: none}},
		Forward:            []v1alpha1.PlanForward{{Currency: "USD", Last30Days: v1alpha1.PlanComparison{InForce: "0.00", Proposed: "0.00"}}},
		Pairs:              &v1alpha1.PlannedPairs{},
		Reasons:            []v1alpha1.PlannedReason{{Reason: "BelowMinimum"}},
	}
	if err := c.Status().Update(context.Background(), plan, strict); err != nil {
		t.Fatal(err)
	}
	stored := &unstructured.Unstructured{}
	stored.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("RewardPlan"))
	if err := c.Get(context.Background(), client.ObjectKeyFromObject(plan), stored); err != nil {
		t.Fatal(err)
	}
	want := parse(t, `
observedGeneration: 1
progress: {decided: 0, total: 0}
grant: 0.00 USD
reverse: 0.00 USD
effects: [{currency: USD, granted: {up: "0.00", down: "0.00"}, held: {up: "0.00", down: "0.00"}}]
forward: [{currency: USD, last30Days: {inForce: "0.00", proposed: "0.00"}}]
pairs: {granted: 0, reversed: 0, held: 0, waiting: 0, unchanged: 0}
reasons: [{reason: BelowMinimum, pairs: 0}]
estimate: false`)
	if diff := cmp.Diff(whole(want), whole(stored.Object["status"])); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

// What a Go client writes must pass as well: it spells durations and empty fields in its own way.
func TestGoClientRoundTrip(t *testing.T) {
	c := cluster(t)
	for _, object := range objects(t, "testdata/design.yaml") {
		typed := decode(t, object)
		if err := c.Create(context.Background(), typed, strict, client.DryRunAll); err != nil {
			t.Errorf("%s: %v", object.GetKind(), err)
		}
		if diff := cmp.Diff(specOf(decode(t, object)), specOf(typed)); diff != "" {
			t.Errorf("%s: it came back as something else (-written +kept):\n%s", object.GetKind(), diff)
		}
	}
	bare := &v1alpha1.RewardPolicy{}
	bare.SetName("bare")
	bare.Spec.HoldPeriod = &v1alpha1.Duration{Duration: 90 * time.Minute}
	bare.Spec.Rewards = []v1alpha1.Reward{{Name: "a", Beneficiary: v1alpha1.Referrer, Fixed: &v1alpha1.Money{Amount: "5", Currency: "USD"}}}
	if err := c.Create(context.Background(), bare, strict, client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	if bare.Spec.Qualification.Purchases != v1alpha1.FirstPurchase {
		t.Errorf("purchases %q, want the default First", bare.Spec.Qualification.Purchases)
	}
}
