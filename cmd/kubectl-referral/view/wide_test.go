package view

import (
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// fill sets every field that it can reach to a large value: texts to text, lists to three items.
func fill(v reflect.Value, text string) {
	switch v.Interface().(type) {
	case metav1.Time:
		v.Set(reflect.ValueOf(metav1.Time{Time: now}))
		return
	case metav1.ConditionStatus:
		v.SetString(string(metav1.ConditionTrue))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Int, reflect.Int32:
		v.SetInt(math.MaxInt32)
	case reflect.Int64:
		v.SetInt(math.MaxInt64)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), text)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		for i := range v.Len() {
			fill(v.Index(i), text)
		}
	default:
	}
}

// filled is an object whose spec and status are filled.
func filled[T any](text string) *T {
	object := new(T)
	v := reflect.ValueOf(object).Elem()
	fill(v.FieldByName("Spec"), text)
	fill(v.FieldByName("Status"), text)
	if meta, ok := reflect.TypeAssert[*metav1.ObjectMeta](v.FieldByName("ObjectMeta").Addr()); ok {
		meta.Name, meta.Namespace = strings.Repeat("n", 253), strings.Repeat("s", 63)
		meta.Annotations = map[string]string{v1alpha1.TakeOverAnnotation: text, v1alpha1.SuspendAnnotation: "true"}
	}
	return object
}

// pasted marks the lines that are copied whole, such as a patch: breaking them would spoil them.
var pasted = []string{"--after", "stepDigest:", "{currency:"}

// fits checks that no line is wider than the page, and that nothing acts on the terminal.
func fits(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(stripColors(text)) {
		line = strings.TrimSuffix(line, "\n")
		isPasted := false
		for _, mark := range pasted {
			isPasted = isPasted || strings.Contains(line, mark)
		}
		if n := widthOf(line); n > Width && !isPasted {
			t.Errorf("a line has %d columns: %s", n, line)
		}
		for _, r := range line {
			if !unicode.IsPrint(r) {
				t.Errorf("%q reached the terminal: %q", r, line)
			}
		}
	}
}

func TestNoLineIsWiderThanThePage(t *testing.T) {
	for name, text := range map[string]string{
		"one long word":    strings.Repeat("w", 300),
		"wide characters":  strings.Repeat("長", 300),
		"many short words": strings.Repeat("short words ", 40),
		"escapes":          strings.Repeat("\x1b[2J\r\n", 40),
		"marks":            strings.Repeat("e\u0301\u200d", 90),
	} {
		t.Run(name, func(t *testing.T) {
			campaign, database := filled[v1alpha1.ReferralCampaign](text), filled[v1alpha1.AttributionDatabase](text)
			for _, o := range []Options{{Now: now}, {Now: now, Color: true}} {
				fits(t, Review(o, filled[v1alpha1.RewardReview](text)))
				fits(t, Campaign(o, campaign, database))
				fits(t, Campaign(o, campaign, nil))
				for _, namespaced := range []bool{true, false} {
					fits(t, Overview(o, []*v1alpha1.ReferralCampaign{campaign}, []*v1alpha1.AttributionDatabase{database}, namespaced))
				}
				fits(t, Verification(o, database))
				fits(t, VerificationProgress(database.Status.Verification.Progress))
				step := &Step{Plan: filled[v1alpha1.RewardPlan](text), Approval: true, Edits: []Edit{{"campaign", []Change{{text, text, text}, {text, "", text}}}}}
				for _, deletes := range []bool{true, false} {
					step.Plan.Spec.Proposed.Delete, step.Approval = deletes, deletes
					fits(t, Plan(o, step))
				}
			}
		})
	}
}

// reasons are the constants of this repository's API whose names end in Reason.
func reasons(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../../api/v1alpha1/conditions.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	ast.Inspect(file, func(node ast.Node) bool {
		if spec, ok := node.(*ast.ValueSpec); ok && strings.HasSuffix(spec.Names[0].Name, "Reason") {
			if value, ok := spec.Values[0].(*ast.BasicLit); ok {
				reason, err := strconv.Unquote(value.Value)
				if err != nil {
					t.Fatal(err)
				}
				found = append(found, reason)
			}
		}
		return true
	})
	if len(found) < 30 {
		t.Fatalf("only %d reasons: %v", len(found), found)
	}
	return found
}

// A campaign or database that is not ready says why, whatever the reason.
func TestStatusShowsEveryReason(t *testing.T) {
	for _, reason := range append(reasons(t), "ReasonOfANewerOperator") {
		conditions := []metav1.Condition{
			{Type: v1alpha1.ReadyCondition, Status: metav1.ConditionFalse, Reason: reason, Message: "what to do about it"},
			{Type: v1alpha1.StalledCondition, Status: metav1.ConditionTrue, Reason: reason, Message: "what to do about it"},
		}
		campaigns, databases := load(t, "testdata/campaign/healthy.yaml")
		campaigns[0].Status.Conditions, databases[0].Status.Conditions = conditions, conditions
		for _, text := range []string{
			Campaign(Options{Now: now}, campaigns[0], databases[0]), Overview(Options{Now: now}, campaigns, databases, true),
		} {
			if strings.Count(text, reason+": what to do about it") != 2 {
				t.Errorf("%s is not shown for campaign and database:\n%s", reason, text)
			}
			fits(t, text)
		}
	}
}
