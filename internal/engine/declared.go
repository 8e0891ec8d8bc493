package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/quota"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// longestWindow is the longest attribution window in microseconds.
const longestWindow = int64(math.MaxInt64 / time.Microsecond)

// Declared is everything that is declared in a schema, at one moment.
type Declared struct {
	Epoch      int64
	Versions   database.Versions
	OwnerUID   string // empty: the schema has no owner, or its owner released it
	Suspended  bool
	Reward     *reward.Configuration
	Conditions bool     // some revision has a condition, so attributes are loaded
	RollingOut []string // campaigns whose newest revision has not reached all its pairs

	bytes     int             // see size
	reversing map[string]bool // campaigns that take back what they gave, also those without revisions
}

// size estimates how many bytes of memory the configuration takes; nil: none.
func (c *Declared) size() int {
	if c == nil {
		return 0
	}
	return c.bytes
}

// versionsKnown reports whether schema and rules have the versions of this binary.
func (c *Declared) versionsKnown() bool { return c.Versions == database.Known() }

// LoadDeclared reads everything with one statement, so that all of it was in force at the same
// moment.
func LoadDeclared(ctx context.Context, db *postgres.DB) (Declared, error) {
	return loadDeclared(ctx, db, nil)
}

// loadDeclared reads no more than memory can grow for; nil: no more than one database may have.
func loadDeclared(ctx context.Context, db *postgres.DB, memory *quota.Kept) (Declared, error) {
	rows, err := db.Query(ctx, db.Qualify(queries.Get("load_configuration")))
	return readDeclared(rows, err, memory)
}

// readDeclared reads the rows of load_configuration, unless they could not be queried.
func readDeclared(rows pgx.Rows, err error, memory *quota.Kept) (Declared, error) {
	if err != nil {
		return Declared{}, fmt.Errorf("while reading the configuration: %w", err)
	}
	config := Declared{Reward: &reward.Configuration{Campaigns: map[string]*reward.Campaign{}}}
	defer rows.Close()
	for rows.Next() {
		err := config.addRow(rows)
		switch {
		case err != nil:
		case config.bytes > declaredPerDatabase:
			err = errDeclaredTooLarge
		case memory != nil && !memory.Grow(config.bytes):
			err = errDeclaredInUse
		}
		if err != nil {
			return Declared{}, fmt.Errorf("while reading the configuration: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return Declared{}, fmt.Errorf("while reading the configuration: %w", err)
	}
	return config, nil
}

// addRow reads one revision of one campaign; both are null if there is none. A campaign without
// revisions decides nothing, and is left out of Reward.
func (c *Declared) addRow(rows pgx.Rows) error {
	var (
		name, mode       *string
		startsAt, endsAt *time.Time
		window           *int64
		budget           *int64
		currency         *string
		pairsPerReferrer int64
		edit             *int64
		waits            bool
		revision         *int
		scope            *reward.RevisionScope
		recordedAt       *time.Time
		terms            []byte
		withdraws        int
		rollsOut         bool
		rollout          reward.Rollout
	)
	before := len(c.Reward.Attribution) + len(c.OwnerUID)
	err := rows.Scan(&c.Epoch, &c.Versions.Schema, &c.Versions.Rules, &c.Suspended, &c.Reward.Attribution, &c.OwnerUID,
		&name, &mode, &startsAt, &endsAt, &window, &budget, &currency, &pairsPerReferrer, &edit, &waits,
		&revision, &recordedAt, &scope, &terms, &withdraws, &rollsOut, &rollout.Reached, &rollout.All)
	c.bytes += len(c.Reward.Attribution) + len(c.OwnerUID) - before
	if err != nil || name == nil {
		return err
	}
	if utf8.RuneCountInString(*name) > longestName {
		return fmt.Errorf("table campaign has a name of more than %d characters, %s: remove its row", longestName, shown(*name))
	}
	c.noteReversing(*name, mode)
	if revision == nil {
		return nil
	}
	if mode == nil || window == nil || edit == nil || scope == nil || recordedAt == nil {
		return fmt.Errorf("a column of campaign %s or its revision %d is NULL: restore the row from a backup", shown(*name), *revision)
	}
	if *window < 0 || *window > longestWindow {
		return fmt.Errorf("the attribution window of campaign %s is %d µs: out of range", shown(*name), *window)
	}
	campaign := c.Reward.Campaigns[*name]
	if campaign == nil {
		campaign = &reward.Campaign{
			Name:              *name,
			Mode:              reward.Mode(*mode),
			StartsAt:          timeOf(startsAt),
			EndsAt:            timeOf(endsAt),
			AttributionWindow: time.Duration(*window) * time.Microsecond,
			PairsPerReferrer:  pairsPerReferrer,
			Edit:              *edit,
			Waits:             waits,
		}
		if campaign.Budget, err = budgetOf(*name, budget, currency); err != nil {
			return err
		}
		c.Reward.Campaigns[*name] = campaign
		c.bytes += bytesPerCampaign + len(*name) + len(*mode)
	}
	if err := checkNumbers(campaign, *revision, withdraws); err != nil {
		return err
	}
	recorded := reward.Revision{Number: *revision, RecordedAt: timeOf(recordedAt), Scope: *scope, Withdraws: withdraws > 0}
	if rollsOut {
		recorded.Rollout = &rollout
	}
	c.bytes += bytesPerRevision + len(*scope) + len(rollout.Reached)
	if err := c.readTerms(terms, &recorded.Terms); err != nil {
		return fmt.Errorf("while reading revision %d of campaign %s: %w", *revision, shown(*name), err)
	}
	c.Conditions = c.Conditions || recorded.Terms.Condition != ""
	campaign.Revisions = append(campaign.Revisions, recorded)
	c.noteRollout(campaign)
	return nil
}

// noteReversing lists the campaign among those that take back what they gave, if its mode says so.
// Its reversal needs no revision.
func (c *Declared) noteReversing(campaign string, mode *string) {
	if mode == nil || reward.Mode(*mode) != reward.Reversing || c.reversing[campaign] {
		return
	}
	if c.reversing == nil {
		c.reversing = map[string]bool{}
	}
	c.reversing[campaign] = true
	c.bytes += bytesPerCampaign + len(campaign)
}

// reverses reports whether a campaign takes back what it gave.
func (c *Declared) reverses(campaign string) bool { return c != nil && c.reversing[campaign] }

// checkNumbers returns an error if the numbers of a campaign's next revision are not as declarations
// record them: they ascend from 1, and a revision withdraws none but the one before it; withdraws is 0
// if there is none.
func checkNumbers(campaign *reward.Campaign, revision, withdraws int) error {
	before := 0
	if n := len(campaign.Revisions); n > 0 {
		before = campaign.Revisions[n-1].Number
	}
	const restore = "restore the rows of table revision from a backup"
	switch {
	case revision <= before:
		return fmt.Errorf("revision %d of campaign %s comes after revision %d: %s", revision, shown(campaign.Name), before, restore)
	case withdraws != 0 && withdraws != before:
		return fmt.Errorf("revision %d of campaign %s withdraws revision %d, which is not the one before it: %s",
			revision, shown(campaign.Name), withdraws, restore)
	}
	return nil
}

// budgetOf returns the budget of a campaign; nil: it has none.
func budgetOf(campaign string, amount *int64, currency *string) (*reward.Money, error) {
	switch {
	case amount == nil:
		return nil, nil
	case currency == nil:
		return nil, fmt.Errorf("the budget of campaign %s has no currency: correct its row of table campaign", shown(campaign))
	case !database.IsCurrency(*currency):
		return nil, fmt.Errorf("the budget of campaign %s is in currency %q, which is not three capital letters: correct its row of table campaign",
			shown(campaign), shown(*currency))
	}
	return &reward.Money{Amount: *amount, Currency: *currency}, nil
}

// readTerms parses the terms of a revision. What no policy may have is refused: a decision would take
// memory and time without a limit.
func (c *Declared) readTerms(text []byte, terms *reward.Terms) error {
	if len(text) > database.TermsBytes {
		return fmt.Errorf("its terms have more than %d KiB, which no policy has: restore the row of table revision from a backup", database.TermsBytes>>10)
	}
	if err := json.Unmarshal(text, terms); err != nil {
		return err
	}
	if err := terms.CheckSize(); err != nil {
		return fmt.Errorf("%w: restore the row of table revision from a backup", err)
	}
	for currency := range terms.Currencies() {
		if !database.IsCurrency(currency) {
			return fmt.Errorf("the currency %q is not three capital letters: restore the row of table revision from a backup", shown(currency))
		}
	}
	c.bytes += len(text) + bytesPerAmount*len(terms.MinimumAmounts) + bytesPerReward*len(terms.Rewards)
	for i := range terms.Rewards {
		r := &terms.Rewards[i]
		c.bytes += bytesPerTier * len(r.Tiers)
		if r.Percentage != nil {
			c.bytes += bytesPerAmount * len(r.Percentage.MaximumAmounts)
		}
	}
	return nil
}

// noteRollout lists the campaign among those that are rolling out, or no longer. Revisions are read
// in order.
func (c *Declared) noteRollout(campaign *reward.Campaign) {
	c.RollingOut = slices.DeleteFunc(c.RollingOut, func(name string) bool { return name == campaign.Name })
	if rollout := campaign.Revisions[len(campaign.Revisions)-1].Rollout; rollout != nil && !rollout.All {
		c.RollingOut = append(c.RollingOut, campaign.Name)
	}
}

// timeOf reads a time that may be null, which is the zero time.
func timeOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}
