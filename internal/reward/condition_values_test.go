package reward

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/cel-go/common/types"
)

func TestNumbersOfAttributesKeepTheirValue(t *testing.T) {
	zeros := strings.Repeat("0", 65_000)
	for text, want := range map[string]any{
		"0":    types.Int(0),
		"-0.0": types.Int(0),
		"5.00": types.Int(5),
		"5e2":  types.Int(500),
		// Whole numbers, however they are written.
		"-12.5e1":                       types.Int(-125),
		"1200e-2":                       types.Int(12),
		"0.5e1":                         types.Int(5),
		"9223372036854775807.0":         types.Int(9223372036854775807),
		"-9223372036854775808.0":        types.Int(-9223372036854775808),
		"18446744073709551615":          types.Uint(18446744073709551615),
		"1844674407370955161500e-2":     types.Uint(18446744073709551615),
		"18446744073709551616":          "whole number beyond 64 bits",
		"-9223372036854775809":          "whole number beyond 64 bits",
		"1e400":                         "whole number beyond 64 bits",
		"1e9223372036854775807":         "whole number beyond 64 bits",
		"1e99999999999999999999":        "beyond all bounds",
		"1.5":                           types.Double(1.5),
		"-0.07":                         types.Double(-0.07),
		"125e-2":                        types.Double(1.25),
		"12e-1":                         types.Double(1.2),
		"1e-400":                        types.Double(0),
		"1e-9223372036854775807":        types.Double(0),
		strings.Repeat("9", 400) + ".5": "beyond the range of doubles",
		// As long as all attributes may be.
		"1" + zeros:         "whole number beyond 64 bits",
		"1." + zeros:        types.Int(1),
		"1." + zeros + "5":  types.Double(1),
		"0." + zeros + "1":  types.Double(0),
		"1" + zeros + ".5":  "beyond the range of doubles",
		"0." + zeros + "e5": types.Int(0),
	} {
		got := numberOf(text)
		if err, ok := got.(*types.Err); ok {
			if message, ok := want.(string); !ok || !strings.Contains(err.Error(), message) {
				t.Errorf("%.30s: %v, want %v", text, err, want)
			}
		} else if got != want {
			t.Errorf("%.30s is %T %v, want %T %v", text, got, got, want, want)
		}
	}
}

// A text of the facts that is longer than the limit ends the evaluation, wherever it comes from:
// the owner of a database can drop its constraints.
func TestTextsOfTheFactsAreBounded(t *testing.T) {
	long := strings.Repeat("é", maxText+1)
	facts := func() *conditionFacts {
		return &conditionFacts{candidate: &candidate{
			purchase:    &Purchase{Currency: long, Attributes: []byte(`{"texts": ["` + long + `"]}`)},
			attribution: &Attribution{Code: long, Label: long},
		}}
	}
	for _, fact := range []string{"link.code", "link.label", "purchase.currency", "purchase.attributes.texts[0]"} {
		condition, err := CompileCondition(fact + " != ''")
		if err != nil {
			t.Fatal(err)
		}
		if holds, err := condition.holds(facts()); holds || err == nil || !strings.Contains(err.Error(), "more than 2048 characters") {
			t.Errorf("%s: %t, %v", fact, holds, err)
		}
	}
}

// The attributes are one value that takes long to check or convert, and the condition reads it
// again and again.
func TestReadingAnAttributeAgainTakesNoTime(t *testing.T) {
	const readsTen = "lists.range(10).exists(i, purchase.attributes.v == i + 7)"
	for name, c := range map[string]struct{ condition, value string }{
		"a number with zeros":          {readsTen, "1" + strings.Repeat("0", 65_000)},
		"a whole number with decimals": {readsTen, "1." + strings.Repeat("0", 65_000)},
		"a text": {
			"lists.range(1000).exists(i, lists.range(1000).exists(j, purchase.attributes.v == 'a'))", // up to the cost limit
			`"` + strings.Repeat("é", 32_000) + `"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			condition, err := CompileCondition(c.condition)
			if err != nil {
				t.Fatal(err)
			}
			facts := conditionFacts{candidate: &candidate{purchase: &Purchase{Attributes: []byte(`{"v": ` + c.value + `}`)}}}
			began := time.Now()
			_, err = condition.holds(&facts)
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("took %s (%v)", took, err)
			}
		})
	}
}

func TestFunctionsThatReadATextCostItsLength(t *testing.T) {
	for _, call := range []string{
		"link.label.size() == 1", "size(link.label) == 1", "int(link.label) == 1", "uint(link.label) == 1u", "double(link.label) == 1.5",
		"bool(link.label)", "duration(link.label) == duration('1s')", "timestamp(link.label) == timestamp('2026-01-31T00:00:00Z')",
	} {
		condition, err := CompileCondition(call)
		if err != nil {
			t.Fatal(err)
		}
		facts := conditionFacts{candidate: &candidate{attribution: &Attribution{Label: strings.Repeat("0", maxText)}}}
		_, _ = condition.holds(&facts)
		if facts.cost < maxText/textPerUnit {
			t.Errorf("%s costs %d", call, facts.cost)
		}
	}
}

// What a comparison costs is found in about as many steps as the comparison takes.
func TestLargeValueIsNotCountedBesideASmallOne(t *testing.T) {
	var members []string
	for i := range maxEntries {
		members = append(members, fmt.Sprintf(`"%d": %d`, i, i))
	}
	attributes, ok := decodeAttributes([]byte(`{"large": {` + strings.Join(members, ",") + `}, "small": {"a": 1}}`)).(map[string]any)
	if !ok {
		t.Fatal("no object")
	}
	adapter := conditionLanguage().CELTypeAdapter()
	large, small := adapter.NativeToValue(attributes["large"]), adapter.NativeToValue(attributes["small"])
	allocations := testing.AllocsPerRun(5, func() {
		if got, want := smallerSize(large, small), deepSize(small, costLimit); got != want {
			t.Errorf("%d, want %d", got, want)
		}
	})
	if allocations > 100 {
		t.Errorf("%.0f allocations", allocations)
	}
	if got, want := smallerSize(large, large), deepSize(large, costLimit); got != want || got < costOfEntry*maxEntries {
		t.Errorf("of two large ones: %d, want %d", got, want)
	}
}
