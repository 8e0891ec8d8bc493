package reward

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func newCache() *conditionCache {
	return &conditionCache{known: map[string]*compiled{}, sweeps: true} // the test sweeps
}

func (c *conditionCache) texts() string {
	return strings.Join(slices.Sorted(maps.Keys(c.known)), " ")
}

func TestConditionIsCompiledOnce(t *testing.T) {
	one, err := KnownCondition("link.code != ''")
	if err != nil {
		t.Fatal(err)
	}
	if other, _ := KnownCondition("link.code != ''"); other != one {
		t.Error("compiled again")
	}
	_, wrong := KnownCondition("link.code = ''")
	if _, again := KnownCondition("link.code = ''"); wrong == nil || again != wrong { //nolint:errorlint // the very same
		t.Error("an invalid condition is compiled again")
	}
}

func TestCacheOfConditionsKeepsTheLastUsedWithinItsBytes(t *testing.T) {
	c, now := newCache(), time.Now()
	for i, text := range []string{"a", "b", "c"} {
		c.add(&compiled{text: text, bytes: cacheBytes / 3, usedAt: now.Add(time.Duration(i))})
	}
	c.find("a", now.Add(time.Second))
	c.add(&compiled{text: "d", bytes: cacheBytes / 3, usedAt: now.Add(time.Second)})
	if got := c.texts(); got != "a c d" {
		t.Errorf("keeps %s", got)
	}
	c.add(&compiled{text: "e", bytes: 2 * cacheBytes, usedAt: now.Add(time.Minute)})
	if got := c.texts(); got != "e" || c.bytes != 2*cacheBytes || len(c.known) != 1 {
		t.Errorf("keeps %s, %d bytes, %d texts", got, c.bytes, len(c.known))
	}
}

func TestConditionThatIsUsedNoMoreIsForgotten(t *testing.T) {
	c, now := newCache(), time.Now()
	c.add(&compiled{text: "unused", bytes: 1, usedAt: now})
	c.add(&compiled{text: "used", bytes: 1, usedAt: now})
	c.find("used", now.Add(cacheIdle))
	c.sweep(now.Add(cacheIdle + time.Second))
	if got := c.texts(); got != "used" || c.bytes != 1 {
		t.Errorf("keeps %s, %d bytes", got, c.bytes)
	}
}

// The estimate must not be below the memory that conditions take, whatever they consist of.
func TestEstimateOfACompiledConditionIsNotBelowItsMemory(t *testing.T) {
	for name, text := range map[string]string{
		"comparison":           "purchase.amount > %d",
		"of a policy":          `link.label != 'press%d' && purchase.attributes[?'category'].orValue('') != 'gift-card'`,
		"large classes":        `link.label.matches('^\\pL{40}$') && %d > 0`,
		"repeated class":       "link.label.matches('^[a-z]{450}$') && %d > 0",
		"alternatives":         "link.label.matches('(foo|bar|baz|a.*b){40}') && %d > 0",
		"any characters":       "link.label.matches('^.{900}$') && %d > 0",
		"comparisons":          "%d > 0 && " + strings.Repeat("purchase.amount == 1 || ", 160) + " true",
		"list":                 "%d > 0 && purchase.amount in [" + strings.Repeat("1,", 1900) + " 1]",
		"lists":                "%d > 0 || " + strings.Repeat("[1] == [2] || ", 250) + " true",
		"short comparisons":    "%d > 0 && (" + strings.Repeat("1==2||", 670) + "true)",
		"object":               "%d > 0 && purchase.attributes == {" + strings.Repeat("'a':1,", 600) + "'b':1}",
		"macros":               "%d > 0 && " + strings.Repeat("purchase.attributes.a.exists(x, x == 1) && ", 11) + " true",
		"reads without guards": "%d > 0 && " + strings.Repeat("purchase.attributes.a==1&&", 150) + " true",
	} {
		t.Run(name, func(t *testing.T) {
			const count = 5
			if _, err := CompileCondition(fmt.Sprintf(text, 9)); err != nil { // what the parser keeps for later
				t.Fatal(err)
			}
			kept := make([]*Condition, count)
			estimate := 0
			before := heap()
			for i := range count {
				text := fmt.Sprintf(text, i+10)
				condition, err := CompileCondition(text)
				if err != nil {
					t.Fatal(err)
				}
				kept[i] = condition
				estimate += bytesOf(text, condition)
			}
			if used := heap() - before; used > estimate {
				t.Errorf("%d bytes, estimated as %d", used/count, estimate/count)
			} else {
				t.Logf("%d bytes, estimated as %d", used/count, estimate/count)
			}
			runtime.KeepAlive(kept)
		})
	}
}

func heap() int {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc)
}
