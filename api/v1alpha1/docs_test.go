package v1alpha1_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The pages of the kinds contain only examples that the API server accepts, and describe every
// field and reason.

// pages are the pages of the kinds, by their plurals.
var pages = map[string]string{
	"attributiondatabases": "attributiondatabase",
	"rewardpolicies":       "rewardpolicy",
	"referralcampaigns":    "referralcampaign",
	"rewardplans":          "rewardplan",
	"rewardreviews":        "rewardreview",
}

func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + name + ".md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestExamplesOfThePagesAreAccepted(t *testing.T) {
	c := cluster(t)
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	for _, name := range pages {
		examples := block.FindAllStringSubmatch(page(t, name), -1)
		if len(examples) == 0 {
			t.Errorf("docs/%s.md has no example", name)
		}
		for _, example := range examples {
			object := &unstructured.Unstructured{Object: parse(t, example[1])}
			object.SetNamespace("")
			if err := c.Create(t.Context(), object, strict, client.DryRunAll); err != nil {
				t.Errorf("docs/%s.md: %v", name, err)
			}
		}
	}
}

func TestPagesDescribeEveryField(t *testing.T) {
	for plural, name := range pages {
		text := page(t, name)
		root := crdOf(t, plural).Spec.Versions[0].Schema.OpenAPIV3Schema
		for _, described := range []string{"policy", "campaign"} { // by the pages of the real kinds
			clear(root.Properties["spec"].Properties["proposed"].Properties[described].Properties)
		}
		for _, part := range []string{"spec", "status"} {
			eachField(root.Properties[part], func(field string) {
				if !regexp.MustCompile(`\b` + field + `\b`).MatchString(text) {
					t.Errorf("docs/%s.md does not tell of a field %s of %s", name, field, part)
				}
			})
		}
	}
}

func eachField(schema apiextensionsv1.JSONSchemaProps, visit func(string)) {
	for name, field := range schema.Properties {
		visit(name)
		if name != "conditions" {
			eachField(field, visit)
		}
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		eachField(*schema.Items.Schema, visit)
	}
}

func TestPagesDescribeEveryReason(t *testing.T) {
	var all strings.Builder
	for _, name := range pages {
		all.WriteString(page(t, name))
	}
	for _, reason := range reasons(t) {
		if !strings.Contains(all.String(), "| `"+reason+"` |") {
			t.Errorf("no page describes the reason %s", reason)
		}
	}
}

// reasons reads the values of all constants of conditions.go whose name ends in Reason.
func reasons(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "conditions.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || !strings.HasSuffix(spec.Names[0].Name, "Reason") {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, value)
		return false
	})
	if len(found) < 10 {
		t.Fatalf("conditions.go has only the reasons %v", found)
	}
	return found
}
