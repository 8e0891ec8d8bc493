package view

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/yaml"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// load reads campaigns and databases. Unknown fields are those of a newer operator.
func load(t *testing.T, path string) ([]*v1alpha1.ReferralCampaign, []*v1alpha1.AttributionDatabase) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Items []map[string]any `json:"items"`
	}
	if err := yaml.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	var campaigns []*v1alpha1.ReferralCampaign
	var databases []*v1alpha1.AttributionDatabase
	for _, item := range list.Items {
		text, err := yaml.Marshal(item)
		if err != nil {
			t.Fatal(err)
		}
		campaign, database := &v1alpha1.ReferralCampaign{}, &v1alpha1.AttributionDatabase{}
		into := any(campaign)
		if item["kind"] == "AttributionDatabase" {
			into = database
			databases = append(databases, database)
		} else {
			campaigns = append(campaigns, campaign)
		}
		if err := yaml.Unmarshal(text, into); err != nil {
			t.Fatal(err)
		}
	}
	return campaigns, databases
}

func TestStatusReadsAsRecorded(t *testing.T) {
	each(t, "campaign", ".txt", func(t *testing.T, path string) string {
		t.Helper()
		campaigns, databases := load(t, path)
		var database *v1alpha1.AttributionDatabase
		if len(databases) > 0 {
			database = databases[0]
		}
		return Campaign(Options{Now: now}, campaigns[0], database)
	})
}

func TestOverviewReadsAsRecorded(t *testing.T) {
	each(t, "campaign", ".overview.txt", func(t *testing.T, path string) string {
		t.Helper()
		campaigns, databases := load(t, path)
		return Overview(Options{Now: now}, campaigns, databases, true)
	})
}

func TestWhatWasLeftBehindIsRed(t *testing.T) {
	for _, name := range []string{"withheld", "suspended", "database-away"} {
		campaigns, databases := load(t, "testdata/campaign/"+name+".yaml")
		for _, f := range append(campaignFindings(campaigns[0]), databaseFindings(databases[0], now)...) {
			if leftBehind := f.color == red; !leftBehind && f.color != yellow {
				t.Errorf("%s: %q is neither red nor yellow", name, f.text)
			}
		}
		found := permissions(campaigns[0])
		if name == "withheld" && (len(found) != 1 || found[0].color != red) {
			t.Errorf("a permission that is still set: %v", found)
		}
	}
}

func TestWarningOfAReadyDatabaseIsAFinding(t *testing.T) {
	_, databases := load(t, "testdata/campaign/healthy.yaml")
	if found := databaseFindings(databases[0], now); len(found) > 0 {
		t.Errorf("a healthy database has %v", found)
	}
	meta.FindStatusCondition(databases[0].Status.Conditions, v1alpha1.ReadyCondition).Message = "facts are being decided; warning: 400 pairs are not reversed"
	want := []finding{{yellow, "400 pairs are not reversed"}}
	if found := databaseFindings(databases[0], now); !slices.Equal(found, want) {
		t.Errorf("got %v, want %v", found, want)
	}
}

func TestUsedShareOfABudgetIsExact(t *testing.T) {
	for used := range 101 {
		c := &v1alpha1.ReferralCampaign{}
		c.Spec.Budget = &v1alpha1.Money{Amount: "100.00", Currency: "USD"}
		c.Status.Credits = []v1alpha1.CurrencyCredit{{Currency: "USD", BudgetRemaining: fmt.Sprintf("%d.00", 100-used)}}
		if got, want := budgetUsed(c), fmt.Sprintf("%d %%", used); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// The operator removes take-over itself, so that it never has to be removed after it had its
// effect.
func TestPermissionSaysWhetherItMayHaveHadItsEffect(t *testing.T) {
	database := &v1alpha1.AttributionDatabase{}
	database.Annotations = map[string]string{v1alpha1.TakeOverAnnotation: "u1", v1alpha1.AllowReversalsAnnotation: "a1", v1alpha1.SuspendAnnotation: ""}
	var got []string
	for _, f := range permissions(database) {
		got = append(got, f.text)
	}
	want := []string{
		"the annotation referral-operator.io/allow-reversals=a1 is still set; remove it once it has had its effect",
		"the annotation referral-operator.io/take-over=u1 has had no effect yet: the operator removes it once it has taken the schema over " +
			"from the owner with this uid",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
