package v1alpha1_test

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/terms"
)

// fuzzedField is a field that holds a value of some form: where it is, and what must be true of a
// value that the API server accepted, once the Go type has decoded it.
type fuzzedField struct {
	kind, path string
	holds      func(object client.Object, value string) error
}

// fuzzed are the fields of specs.
var fuzzed = []fuzzedField{
	{"RewardPolicy", "spec.holdPeriod", func(o client.Object, v string) error {
		return sameDuration(o.(*v1alpha1.RewardPolicy).Spec.HoldPeriod, v)
	}},
	{"RewardPolicy", "spec.qualification.withinSignup", func(o client.Object, v string) error {
		return sameDuration(o.(*v1alpha1.RewardPolicy).Spec.Qualification.WithinSignup, v)
	}},
	{"RewardPolicy", "spec.qualification.beforeSignup", func(o client.Object, v string) error {
		return sameDuration(o.(*v1alpha1.RewardPolicy).Spec.Qualification.BeforeSignup, v)
	}},
	{"RewardPolicy", "spec.qualification.minimumAmounts.0.amount", converts},
	{"RewardPolicy", "spec.qualification.minimumAmounts.0.currency", converts},
	{"RewardPolicy", "spec.rewards.0.name", converts},
	{"RewardPolicy", "spec.rewards.0.beneficiary", converts},
	{"RewardPolicy", "spec.rewards.0.fixed.amount", converts},
	{"RewardPolicy", "spec.rewards.0.fixed.currency", converts},
	{"RewardPolicy", "spec.rewards.1.percentage.rate", converts},
	{"RewardPolicy", "spec.rewards.1.percentage.maximumAmounts.0.amount", converts},
	{"RewardPolicy", "spec.rewards.2.tiers.0.fixed.amount", converts},
	{"RewardPolicy", "spec.rewards.2.tiers.1.fixed.currency", converts},
	{"RewardPolicy", "spec.revisionScope", converts},
	{"RewardPolicy", "spec.qualification.condition", func(o client.Object, v string) error {
		if got := o.(*v1alpha1.RewardPolicy).Spec.Qualification.Condition; got != v || v == "" || strings.Contains(v, "\x00") {
			return fmt.Errorf("decoded as %q", got)
		}
		return nil
	}},
	{"RewardPolicy", "spec.limits.pairsPerReferrer", func(o client.Object, v string) error {
		return sameNumber(o.(*v1alpha1.RewardPolicy).Spec.Limits.PairsPerReferrer, v)
	}},
	{"RewardPolicy", "spec.rewards.2.tiers.1.fromPair", func(o client.Object, v string) error {
		return errors.Join(converts(o, v), sameNumber(o.(*v1alpha1.RewardPolicy).Spec.Rewards[2].Tiers[1].FromPair, v))
	}},
	{"ReferralCampaign", "spec.budget.amount", budgets},
	{"ReferralCampaign", "spec.budget.currency", budgets},
	{"ReferralCampaign", "spec.deletionPolicy", printable(7)},
	{"ReferralCampaign", "spec.resyncInterval", func(o client.Object, v string) error {
		interval := o.(*v1alpha1.ReferralCampaign).Spec.ResyncInterval
		if interval.Duration < time.Minute {
			return fmt.Errorf("decoded as %s", interval)
		}
		return sameDuration(interval, v)
	}},
	{"ReferralCampaign", "spec.startsAt", func(o client.Object, v string) error {
		return sameTime(o.(*v1alpha1.ReferralCampaign).Spec.StartsAt.Time, v)
	}},
	{"ReferralCampaign", "spec.endsAt", func(o client.Object, v string) error {
		return sameTime(o.(*v1alpha1.ReferralCampaign).Spec.EndsAt.Time, v)
	}},
	{"ReferralCampaign", "spec.attributionWindow", func(o client.Object, v string) error {
		return sameDuration(o.(*v1alpha1.ReferralCampaign).Spec.AttributionWindow, v)
	}},
	{"ReferralCampaign", "spec.destination", webAddress},
	{"ReferralCampaign", "spec.databaseRef.name", printable(253)},
	{"ReferralCampaign", "spec.policyRef.name", printable(253)},
	{"RewardPlan", "spec.campaignRef.name", printable(253)},
	{"RewardPlan", "spec.detail", printable(7)},
	{"RewardPlan", "spec.ttl", func(o client.Object, v string) error {
		ttl := o.(*v1alpha1.RewardPlan).Spec.TTL
		if ttl.Duration > 24*time.Hour {
			return fmt.Errorf("decoded as %s", ttl)
		}
		return sameDuration(ttl, v)
	}},
	{"AttributionDatabase", "spec.secretRef.name", printable(253)},
	{"AttributionDatabase", "spec.secretRef.key", printable(253)},
	{"AttributionDatabase", "spec.schema", func(_ client.Object, v string) error {
		_, err := postgres.ParseSchema(v)
		return err
	}},
	{"AttributionDatabase", "spec.roles.writers.0", printable(63)},
}

// manyKinds has the fields that the design's example lacks.
var manyKinds = map[string]string{"RewardPolicy": reward(`
	{name: inviter, beneficiary: Referrer, fixed: {amount: "5.00", currency: USD}},
	{name: friend, beneficiary: Referee, percentage: {rate: "10", maximumAmounts: [{amount: "15.00", currency: USD}]}},
	{name: regular, beneficiary: Referrer, tiers: [
		{fromPair: 1, fixed: {amount: "1.00", currency: USD}}, {fromPair: 10, fixed: {amount: "2.00", currency: USD}}]}`)}

// FuzzAcceptedValuesDecode sends values to a real API server. A value that it accepts must decode
// into the Go types with the same meaning, and be accepted again as Go encodes it: anything else
// could stop the informers of all tenants.
func FuzzAcceptedValuesDecode(f *testing.F) {
	for field := range fuzzed {
		for _, value := range slices.Concat(seeds, counts, times) {
			f.Add(uint8(field), value)
		}
	}
	var statuses []statusField
	for _, field := range statusFields(f) {
		about := counts
		switch {
		case field.isTime():
			about = times
		case field.schema.Type != "integer":
			continue
		}
		for _, value := range about {
			f.Add(uint8(len(fuzzed)+len(statuses)), value)
		}
		statuses = append(statuses, field)
	}
	if len(fuzzed)+len(statuses) > math.MaxUint8 {
		f.Fatal("a byte is too small for the number of a field")
	}
	c := cluster(f)
	stored := withStatuses(f, c)
	f.Fuzz(func(t *testing.T, field uint8, value string) {
		if !utf8.ValidString(value) {
			t.Skip("the value is not UTF-8, so no JSON contains it")
		}
		at := int(field) % (len(fuzzed) + len(statuses))
		if at < len(fuzzed) {
			fuzzSpec(t, c, fuzzed[at], value)
			return
		}
		status := statuses[at-len(fuzzed)]
		fuzzStatus(t, c, stored[status.kind].DeepCopy(), status, value)
	})
}

func fuzzSpec(t *testing.T, c client.Client, subject fuzzedField, value string) {
	t.Helper()
	object := example(t, subject.kind, manyKinds[subject.kind])
	var written any = value
	if strings.HasSuffix(subject.path, ".fromPair") || strings.HasSuffix(subject.path, ".pairsPerReferrer") {
		written = number(value)
	}
	set(t, object, subject.path, written)
	if err := c.Create(t.Context(), object, strict, client.DryRunAll); err != nil {
		if unexpected(err) {
			t.Fatalf("%s = %q: refused without a reason: %v", subject.path, value, err)
		}
		return
	}
	typed, err := decoded(object)
	if err != nil {
		t.Fatalf("%s = %q: accepted, but the Go type does not decode it: %v", subject.path, value, err)
	}
	if err := subject.holds(typed, value); err != nil {
		t.Errorf("%s = %q: accepted, but %v", subject.path, value, err)
	}
	spec := specOf(typed.DeepCopyObject().(client.Object))
	typed.SetResourceVersion("")
	typed.SetUID("")
	if err := c.Create(t.Context(), typed, strict, client.DryRunAll); err != nil {
		t.Errorf("%s = %q: accepted, but not as Go writes it: %v", subject.path, value, err)
	}
	if diff := cmp.Diff(spec, specOf(typed)); diff != "" {
		t.Errorf("%s = %q: accepted, but not the same once Go has written it:\n%s", subject.path, value, diff)
	}
}

// fuzzStatus is fuzzSpec for a status, which people with the right to write it may write too.
func fuzzStatus(t *testing.T, c client.Client, object *unstructured.Unstructured, field statusField, value string) {
	t.Helper()
	var written any = value
	if field.schema.Type == "integer" {
		written = number(value)
	}
	if err := writesStatus(t, c, object, field.path, written); err != nil {
		if unexpected(err) {
			t.Fatalf("%s of %s = %q: refused without a reason: %v", field.path, field.kind, value, err)
		}
		return
	}
	typed, err := decoded(object)
	if err != nil {
		t.Fatalf("%s of %s = %q: accepted, but the Go type does not decode it: %v", field.path, field.kind, value, err)
	}
	if value == "0001-01-01T00:00:00Z" {
		return // which Go writes as null; the operator writes no such time, see shownTime
	}
	if err := c.Status().Update(t.Context(), typed, strict, client.DryRunAll); err != nil {
		t.Errorf("%s of %s = %q: accepted, but not as Go writes it: %v", field.path, field.kind, value, err)
	}
}

// unexpected reports whether a refusal names no field, as that of a rule that failed to run.
func unexpected(err error) bool {
	for _, cause := range causes(err) {
		if strings.Contains(cause, "spec") || strings.Contains(cause, "status") || strings.Contains(cause, "some validation rules were not checked") {
			continue
		}
		return true
	}
	return false
}

// set puts a value at a path of keys and list indexes.
func set(t testing.TB, object *unstructured.Unstructured, path string, value any) {
	t.Helper()
	var at any = object.Object
	keys := strings.Split(path, ".")
	last := len(keys) - 1
	for _, key := range keys[:last] {
		switch level := at.(type) {
		case map[string]any:
			at = level[key]
		case []any:
			at = level[int(key[0]-'0')]
		}
	}
	switch level := at.(type) {
	case map[string]any:
		level[keys[last]] = value
	case []any:
		level[int(keys[last][0]-'0')] = value
	default:
		t.Fatalf("the design's %s has no %s", object.GetKind(), path)
	}
}

// number is a value as YAML reads it: a number where it looks like one.
func number(value string) any {
	if whole, err := strconv.ParseInt(value, 10, 64); err == nil {
		return whole
	}
	if point, err := strconv.ParseFloat(value, 64); err == nil && !math.IsInf(point, 0) && !math.IsNaN(point) {
		return point
	}
	return value
}

func sameNumber(got int64, value string) error {
	if want, err := strconv.ParseFloat(value, 64); err != nil || float64(got) != want || got < 1 || got > 1_000_000_000 {
		return fmt.Errorf("decoded as %d", got)
	}
	return nil
}

// budgets reports whether a budget becomes minor units, or is refused for a reason that takes
// knowledge of currencies.
func budgets(object client.Object, _ string) error {
	budget, err := terms.Budget(&object.(*v1alpha1.ReferralCampaign).Spec)
	if err != nil {
		return onlyCurrencies(err)
	}
	if budget.Amount <= 0 || len(budget.Currency) != 3 {
		return fmt.Errorf("it makes no sense: %+v", budget)
	}
	return nil
}

func onlyCurrencies(err error) error {
	for _, cause := range []string{"more decimals than", "is not known", "no purchase could ever count"} {
		if strings.Contains(err.Error(), cause) {
			return nil
		}
	}
	return err
}

// converts reports whether a policy becomes terms, or is refused for a reason that takes knowledge
// of currencies.
func converts(object client.Object, _ string) error {
	converted, err := terms.FromPolicy(&object.(*v1alpha1.RewardPolicy).Spec)
	if err != nil {
		return onlyCurrencies(err)
	}
	for _, r := range converted.Rewards {
		if r.Name == "" || r.Fixed != nil && r.Fixed.Amount <= 0 || len(r.Tiers) > 0 && r.Tiers[0].Fixed.Amount <= 0 ||
			r.Fixed == nil && r.Percentage == nil && len(r.Tiers) == 0 {
			return fmt.Errorf("its terms make no sense: %+v", r)
		}
	}
	return nil
}

func sameDuration(got *v1alpha1.Duration, value string) error {
	want, err := time.ParseDuration(value)
	if err != nil {
		return err
	}
	if got.Duration != want || want <= 0 || want > 87600*time.Hour {
		return fmt.Errorf("decoded as %s", got.Duration)
	}
	return nil
}

func sameTime(got time.Time, value string) error {
	want, err := time.Parse(time.RFC3339Nano, value)
	if err != nil {
		return err
	}
	if !got.Equal(want) || got.Nanosecond() != 0 || got.UTC().Year() < 1900 || got.UTC().Year() > 9999 {
		return fmt.Errorf("decoded as %s", got)
	}
	return nil
}

func webAddress(object client.Object, _ string) error {
	destination, err := url.Parse(object.(*v1alpha1.ReferralCampaign).Spec.Destination)
	if err != nil {
		return err
	}
	if !slices.Contains([]string{"http", "https"}, destination.Scheme) || destination.Hostname() == "" || destination.User != nil {
		return fmt.Errorf("it is no plain web address: %#v", destination)
	}
	return nil
}

// printable reports whether Postgres and Kubernetes take a value unchanged: not empty, not too
// long, ASCII.
func printable(most int) func(client.Object, string) error {
	return func(_ client.Object, value string) error {
		if value == "" || len(value) > most || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
			return fmt.Errorf("it is empty, longer than %d or not printable", most)
		}
		return nil
	}
}

var seeds = []string{
	// Everywhere.
	"", " ", "a", "A", "-", ".", "0", "1", "null", "~", "true", "\x00", "\n", "a\nb", "é", "💸", "%s", "'", `"`, `\`, "$(id)", strings.Repeat("a", 300),
	// Amounts and rates.
	"5.00", "0.00", "-5", "5,00", "1e3", "12345678901234567890", "99999999999999.9999", "0.0001", "1.23456", "00", "05", "5.", ".5", "+5", "1_000", "0x5", "٥", "NaN", "Inf", "100", "100.0000", "100.0001", "99.9999",
	// Conditions.
	"link.label != 'press'", "purchase.attributes[?'category'].orValue('') != 'gift-card'", "a\tb\r\n", "\u0001", "\u2028",
	// Currencies.
	"USD", "usd", "JPY", "BHD", "CLF", "XXX", "ABC",
	// Durations.
	"720h", "1h30m", "720h0m0s", "0s", "-1s", "1.5h", "1d", "1ms", "87600h", "87601h", "999999h", "999999h99999999m999999999s", "9223372036s", "2562047h47m16s", "2562048h", "1h1h", "1s1m",
	// Addresses.
	"https://mysite.com/", "http://mysite.com:8080/a?b=c#d", "https://user:password@mysite.com/", "https://", "//mysite.com", "javascript:alert(1)", "https://[::1]:80/", "https://[::::]/", "https://[1.2.3]/", "https://mysite.com/%zz", "https://mysite.com#%zz", "https://mysite.com:65536/", "https://mysite.com/\u00a0", "https://a?[", "http://1.2.3.4.5/",
	// Policies.
	"Retain", "Reverse", "NewPairs", "HeldPairs", "AllPairs",
	// Names.
	"shop", "shop-db", "shop.db", "a.b.c", "shop_db", "-shop", "shop-", "uri", "ca.crt", "..", "public", "pg_catalog", "information_schema", "order", "_", "none", "Shop App", "inviter", "Referrer", "Referee", "referrer",
}

var counts = []string{
	"2", "9", "10", "11", "1.0", "1.5", "1e1", "1e9", "1000000000", "1000000001", "9007199254740993", "9223372036854775807", "1e20", "1e400", "-1", "1e-1",
	"9223372036854775808", "-9223372036854775808", "-9223372036854775809", "1e19", "9007199254740992.0", "-0.0", "1e3",
}

var times = []string{
	"2026-11-01T00:00:00Z", "2026-12-31T23:59:60Z", "2026-11-01t00:00:00z", "2026-11-01T00:00:00.5Z", "2026-11-01T00:00:00+24:00", "2026-11-01T00:00:00+19:59", "2026-02-30T00:00:00Z", "2024-02-29T00:00:00Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1900-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-19:59", "2026-11-01T24:00:00Z", "2026-11-01", "2026-11-01T00:00:00", "2026-11-01 00:00:00Z", "10000-01-01T00:00:00Z",
	"2026-11-01T00:00:00z", "2026-11-01T00:00:00Zt", "2026-11-01T00:00:00Z t", "2026-11-01T00:00:00x5Z", "2026-11-01T00:00:00,5Z", "2026-11-01T00:00:00.5+01:00",
	"2026-11-01T00:00:00+24:59", "2026-11-01T00:00:00+99:99", "0000-01-01T00:00:00+19:59", "0001-01-01T00:00:01Z", "2026-11-01T00:00:00." + strings.Repeat("0", 300) + "Z",
}
