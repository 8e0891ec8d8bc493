package model

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// coverage counts which cases the histories reached: a proof says nothing about a case that never
// occurred.
type coverage struct {
	mu     sync.Mutex
	counts map[string]int
}

const (
	histories    = "histories"
	convergences = "convergences"
	commits      = "commits"
)

// expected lists the cases that a soak must reach.
var expected = []string{
	"pair Held HoldPeriod", "pair Held BudgetExhausted",
	"pair Granted Qualified", "pair Granted Overridden", "pair Granted BudgetExhausted",
	"pair Waiting CapReached", "pair Waiting BudgetExhausted",
	"pair Reversed CampaignDeleted", "pair Reversed PurchaseRemoved", "pair Reversed NotAttributed",
	"pair Reversed OutsideCampaign", "pair Reversed OutsideWindow", "pair Reversed Refunded",
	"pair Reversed CurrencyMismatch", "pair Reversed BelowMinimum", "pair Reversed ConditionFalse",
	"pair Reversed SelfReferral", "pair Reversed SharedFingerprint", "pair Reversed NotFirstPurchase", "pair Reversed Overridden",
	"pair that waits in a campaign that is Open", "pair that waits in a campaign that is Suspended",
	"pair that waits in a campaign that is PolicyMissing", "pair that waits in a campaign that is Closed", "pair that waits and is taken back",
	"pair that waits for more", "condition that ends in an error", "waitlist longer than a batch", "pair of a later revision", "pair with a higher ordinal",
	"operation during a batch", "operation that waits for a batch", "batch that read earlier facts", "transaction that stayed open",
	"reversal that begins during a batch", "resync during a batch",
	"purchase with another key", "truncated table", "touch beyond its retention",
	"erasure that waits for a writer", "operation during an erasure",
	"referee that is set aside", "plan", "plan that moves something", "plan that is an estimate",
	"pair that is withheld", "withheld pair whose rows are back", "withheld pair whose reversal is permitted", "loss that a resync judged",
	"attribution by Code", "attribution by Touch",
	"attribution whose touch was erased", "credit spent",
}

func (c *coverage) add(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[string]int{}
	}
	c.counts[what]++
}

func (c *coverage) of(what string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts[what]
}

func (c *coverage) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	lines := make([]string, 0, len(c.counts))
	for _, what := range slices.Sorted(maps.Keys(c.counts)) {
		lines = append(lines, fmt.Sprintf("%8d %s", c.counts[what], what))
	}
	return strings.Join(lines, "\n")
}

// look counts the cases in the model after a convergence.
func (c *coverage) look(m *model) {
	c.add(convergences)
	waiting := 0
	for _, p := range m.pairs {
		if p.state == "Waiting" {
			waiting++
		}
		c.add("pair " + p.state + " " + p.reason)
		if p.state == "Waiting" {
			c.add("pair that waits in a campaign that is " + m.campaigns[p.campaign].mode)
		}
		if p.growing {
			c.add("pair that waits for more")
		}
		if p.revision > 1 {
			c.add("pair of a later revision")
		}
		if p.ordinal > 1 {
			c.add("pair with a higher ordinal")
		}
	}
	if waiting > 12 {
		c.add("waitlist longer than a batch")
	}
	for _, a := range m.attributions {
		c.add("attribution by " + a.source)
		if a.source == "Touch" && a.visitor == "" {
			c.add("attribution whose touch was erased")
		}
	}
	for range m.redemptions {
		c.add("credit spent")
	}
}

// report prints the progress every few seconds.
func (c *coverage) report(wanted int) (stop func()) {
	done := make(chan struct{})
	began := time.Now()
	say := func() {
		played := c.of(histories)
		left := "?"
		if played > 0 {
			left = (time.Since(began) / time.Duration(played) * time.Duration(max(0, wanted-played))).Round(time.Second).String()
		}
		fmt.Fprintf(os.Stderr, "%d of %d histories, %d convergences, %d commits; %s, %s to go\n",
			played, wanted, c.of(convergences), c.of(commits), time.Since(began).Round(time.Second), left)
	}
	go func() {
		const often = 5 * time.Second
		for tick := time.NewTicker(often); ; {
			select {
			case <-tick.C:
				say()
			case <-done:
				return
			}
		}
	}()
	return func() {
		close(done)
		say()
	}
}
