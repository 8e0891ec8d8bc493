package database

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// PendingLimit is the number up to which pending changes are counted.
const PendingLimit = 10_000

// Status is the state of a database at one moment.
type Status struct {
	ServerVersion       string // such as 15.18
	Versions            Versions
	Suspended           bool
	Attribution         AttributionModel
	TouchRetention      time.Duration // zero: touches are kept for ever
	Owner               Owner         // zero: the schema has no owner
	PendingChanges      int64         // at most PendingLimit
	OldestPendingChange time.Time     // zero: none is pending
	SetAside            int64         // referees that could not be decided
	Campaigns           []CampaignStatus

	Bytes int // estimate of its memory
}

// CampaignStatus is the state of one declared campaign.
type CampaignStatus struct {
	Name     string
	Mode     Mode
	UID      string // of the object that declared it last
	Policy   string
	Revision int
	Digest   string

	AwaitingPurchase, Waiting, Held, Granted, Reversed int64

	DeclaredAt      time.Time      // when its declaration last changed something
	Budget          *Money         // nil: no limit
	Rollout         *RolloutStatus // nil: no revision has reached existing pairs, or a newer revision stopped its rollout
	ConditionErrors int64
	Resync          ResyncStatus

	ChangedAt time.Time      // when the engine last changed something; zero: never
	Credits   []CreditStatus // by currency
}

// RolloutStatus is the progress, in pairs, of the newest revision that reaches existing pairs.
type RolloutStatus struct {
	Revision       int
	Decided, Total int64
	Done           bool
}

// ResyncStatus are the results of a campaign's resyncs.
type ResyncStatus struct {
	EndedAt        time.Time // of the last complete one; zero: none
	InFuture       bool      // EndedAt is in the future, since the database's clock was set back
	Handled        string    // the last request that was answered, as the database has it; see Answers
	DriftCorrected int64     // drifted rows corrected so far
	Found          string    // what the last one corrected, for people; empty: nothing
	MassReversal   *MassReversal
}

// MassReversal is an incident: so many rows of facts are missing that they are probably lost, and
// not deleted by the shop. It stays as it was first reported until it is permitted or over.
type MassReversal struct {
	ID    string // the id that a permission must name
	Pairs int64  // pairs whose reversal was withheld when it was reported
	Of    int64  // pairs held or granted when counting began
}

// CreditStatus is a campaign's credit in one currency, in minor units. Sums may exceed the range of
// int64.
type CreditStatus struct {
	Currency string
	Granted  *big.Int // net
	Held     *big.Int // granted when the holds end
	Reversed *big.Int // sum of reversals, above zero
}

// ReadStatus reads everything that is reported, with one query, and reports new incidents.
func ReadStatus(ctx context.Context, db *postgres.DB) (Status, error) {
	var status Status
	rows, err := db.Query(ctx, query(db, "read_status"), PendingLimit)
	if err != nil {
		return Status{}, fmt.Errorf("while reading the status: %w", err)
	}
	defer rows.Close()
	var sizes reportSizes
	unreported := false // an incident is not reported yet
	for rows.Next() {
		open, err := status.addRow(rows, &sizes)
		if err != nil {
			return Status{}, fmt.Errorf("while reading the status: %w", err)
		}
		unreported = unreported || open
	}
	if err := rows.Err(); err != nil {
		return Status{}, fmt.Errorf("while reading the status: %w", err)
	}
	status.Bytes = sizes.bytes() + len(status.Attribution)
	if unreported {
		if err := status.reportIncidents(ctx, db); err != nil {
			return Status{}, fmt.Errorf("while reporting withheld reversals: %w", err)
		}
	}
	return status, nil
}

// reportIncidents fixes the sets of pairs of incidents that are not reported yet.
func (s *Status) reportIncidents(ctx context.Context, db *postgres.DB) error {
	rows, err := db.Query(ctx, query(db, "report_incident"))
	if err != nil {
		return err
	}
	var campaign string
	var loss MassReversal
	err = postgres.ForEachRow(rows, []any{&campaign, shownID{&loss.ID}, &loss.Pairs, &loss.Of}, func() error {
		for i := range s.Campaigns {
			if c := &s.Campaigns[i]; c.Name == campaign {
				reported := loss
				c.Resync.MassReversal = &reported
				s.Bytes += len(reported.ID)
			}
		}
		return nil
	})
	return err
}

// addRow reads a row: the database's columns and, unless the name is empty, those of one campaign.
// It returns whether the campaign has an incident that is not reported.
func (s *Status) addRow(rows pgx.Rows, sizes *reportSizes) (unreported bool, err error) {
	var (
		heartbeat, released, oldest, changed *time.Time
		declared                             *time.Time
		c                                    CampaignStatus
		credits                              []byte
		budget                               *int64
		currency                             *string
		retention                            *int64
		rollout                              rolloutRow
		resync                               resyncRow
	)
	err = rows.Scan(shownText{&s.ServerVersion}, &s.Versions.Schema, &s.Versions.Rules, &s.Suspended, &s.Attribution, &retention,
		shownID{&s.Owner.Installation}, shownID{&s.Owner.Name}, shownID{&s.Owner.UID}, &s.Owner.Generation, &heartbeat, &released, &s.Owner.Silent,
		&s.PendingChanges, &oldest, &s.SetAside,
		&c.Name, &c.Mode, &c.UID, shownID{&c.Policy}, &c.Revision, shownText{&c.Digest},
		&declared, &budget, &currency,
		&c.AwaitingPurchase, &c.Waiting, &c.Held, &c.Granted, &c.Reversed, &c.ConditionErrors, &changed,
		&rollout.revision, &rollout.decided, &rollout.total, &rollout.done, &credits,
		&resync.endedAt, &resync.status.InFuture, shownText{&resync.status.Handled}, &resync.status.DriftCorrected, shownText{&resync.status.Found},
		&resync.incident, &resync.loss.Pairs, &resync.loss.Of, &unreported)
	if err != nil {
		return false, err
	}
	if retention != nil {
		s.TouchRetention = time.Duration(*retention) * time.Microsecond
	}
	s.Owner.HeartbeatAt, s.Owner.ReleasedAt = timeOf(heartbeat), timeOf(released)
	s.OldestPendingChange = timeOf(oldest)
	if c.Name == "" {
		return false, nil
	}
	c.ChangedAt, c.DeclaredAt = timeOf(changed), timeOf(declared)
	if budget != nil && currency != nil {
		if !IsCurrency(*currency) {
			return false, fmt.Errorf("the budget of campaign %s is in currency %q, which is not three capital letters: correct its row of table campaign",
				idOf(c.Name), idOf(*currency))
		}
		c.Budget = &Money{Amount: *budget, Currency: *currency}
	}
	c.Rollout = rollout.status()
	c.Resync = resync.read()
	if err := sizes.add(&c, credits); err != nil {
		return false, err
	}
	if c.Credits, err = readCredits(idOf(c.Name), credits); err != nil {
		return false, err
	}
	s.Campaigns = append(s.Campaigns, c)
	return unreported, nil
}

// Bounds of the report about all campaigns of a database, which is kept for as long as the database
// is served.
const (
	mostCampaigns     = 10_000
	campaignTextBytes = 4 << 20 // some 400 bytes for each campaign
	allCreditBytes    = 2 << 20 // some three currencies for each campaign

	bytesPerCampaign   = 768 // beside its texts and credits
	bytesPerCreditByte = 4   // of the credits' text
)

// reportSizes is how much of a report has been read.
type reportSizes struct{ campaigns, textBytes, creditBytes int }

// bytes estimates the memory of what has been read.
func (r *reportSizes) bytes() int {
	return r.campaigns*bytesPerCampaign + r.textBytes + r.creditBytes*bytesPerCreditByte
}

// add counts one more campaign, whose credits are not read yet. It fails once a bound is exceeded.
func (r *reportSizes) add(c *CampaignStatus, credits []byte) error {
	r.campaigns++
	for _, text := range []string{c.Name, string(c.Mode), c.UID, c.Policy, c.Digest, c.Resync.Handled, c.Resync.Found} {
		r.textBytes += len(text)
	}
	if incident := c.Resync.MassReversal; incident != nil {
		r.textBytes += len(incident.ID)
	}
	r.creditBytes += len(credits)
	switch {
	case r.campaigns > mostCampaigns:
		return fmt.Errorf("table campaign has more than %d rows: remove those of campaigns that no object declares any more", mostCampaigns)
	case r.textBytes > campaignTextBytes:
		return fmt.Errorf("the names, uids and other texts of all campaigns have more than %d MiB: remove the rows of table campaign "+
			"whose texts the operator has not written, or that no object declares any more", campaignTextBytes>>20)
	case r.creditBytes > allCreditBytes:
		return fmt.Errorf("the credits of all campaigns have more than %d MiB: remove the rows of credit_count whose currency is not one of "+
			"the rewards of their campaign", allCreditBytes>>20)
	}
	return nil
}

// Bounds of the credits that a server sends for one campaign. Parsing a number takes time in
// proportion to the square of its digits.
const (
	creditBytes   = 64 << 10 // some 600 currencies
	counterDigits = 40       // the sum of a numeric(38) over all shards
)

// readCredits parses the counters of a campaign's credits, a JSON list with an object per currency.
func readCredits(campaign string, text []byte) ([]CreditStatus, error) {
	if len(text) > creditBytes {
		return nil, fmt.Errorf("the credits of campaign %s have more than %d KiB: remove the rows of credit_count whose currency is not one of its rewards",
			campaign, creditBytes>>10)
	}
	var sums []struct {
		Currency                string
		Granted, Held, Reversed json.Number // empty: null
	}
	if err := json.Unmarshal(text, &sums); err != nil {
		return nil, fmt.Errorf("while reading the credits of campaign %s: %w", campaign, err)
	}
	credits := make([]CreditStatus, len(sums))
	listed := make(map[string]bool, len(sums))
	for i, sum := range sums {
		switch {
		case !IsCurrency(sum.Currency):
			return nil, fmt.Errorf("the credits of campaign %s are in currency %q, which is not three capital letters: remove its rows of credit_count",
				campaign, idOf(sum.Currency))
		case listed[sum.Currency]:
			return nil, fmt.Errorf("the server lists the credits of campaign %s in %s twice", campaign, sum.Currency)
		}
		listed[sum.Currency] = true
		c := &credits[i]
		c.Currency = sum.Currency
		for _, counter := range []struct {
			name string
			sum  json.Number
			into **big.Int
		}{{"granted", sum.Granted, &c.Granted}, {"held", sum.Held, &c.Held}, {"reversed", sum.Reversed, &c.Reversed}} {
			var err error
			if *counter.into, err = parseCounter(string(counter.sum)); err != nil {
				return nil, fmt.Errorf("counter %s of the credits of campaign %s in %s %w: where its rows of credit_count have no whole number of at most 36 digits, set one, "+
					"rather too high than too low; leave the other rows; the next resync corrects the sum, and until then the budget counts it as it is",
					counter.name, campaign, c.Currency, err)
			}
		}
	}
	return credits, nil
}

// IsCurrency reports whether a text has the form of a currency's code. Status and metrics need
// distinct codes: the metrics of a campaign have the word other for the sum of further currencies.
func IsCurrency(code string) bool {
	return len(code) == 3 && strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func parseCounter(text string) (*big.Int, error) {
	switch {
	case text == "":
		return nil, errNull
	case len(strings.TrimPrefix(text, "-")) > counterDigits:
		return nil, fmt.Errorf("has more than %d digits", counterDigits)
	}
	counter, whole := new(big.Int).SetString(text, 10)
	if !whole {
		return nil, errors.New("is not a whole number")
	}
	return counter, nil
}

// rolloutRow is a row of rollout; null where there is none.
type rolloutRow struct {
	revision       *int
	decided, total *int64
	done           *bool
}

func (r *rolloutRow) status() *RolloutStatus {
	if r.revision == nil || r.decided == nil || r.total == nil || r.done == nil {
		return nil
	}
	status := RolloutStatus{Revision: *r.revision, Decided: *r.decided, Total: *r.total, Done: *r.done}
	if status.Done {
		// What matured or was reversed meanwhile is no concern of the revision any more.
		status.Decided = status.Total
	}
	return &status
}
