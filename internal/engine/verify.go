package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

const (
	// The first range is small and later ones grow. A range has at most so many attributions, pairs
	// and ledger entries, unless one referee has more.
	firstVerifiedRange = 2_000
	mostVerifiedRange  = 20_000

	// verifiedRangeTime is how long a range should take at most; a longer one makes the next
	// smaller.
	verifiedRangeTime = time.Second

	// secondLooks is how often a verification looks again at referees with pending changes before
	// it leaves them to the next verification.
	secondLooks = 8

	verifyRetries = 5 // of a step, after conflicts and lost connections

	// examplesShown is how many violations a result names.
	examplesShown = 5
)

// Violation is a row, or a sum of rows, that contradicts others. Those of a result are fit to be
// shown: plain and cut.
type Violation struct {
	Rule   string // as referral.violations() words it
	Key    string // of the row or sum
	Detail string // what was found; amounts are in minor units
}

// VerifyResult is what a verification found.
type VerifyResult struct {
	BeganAt    time.Time   // by the database's clock
	Referees   int64       // that were verified
	Violations int64       // confirmed by a second look
	Examples   []Violation // at most five, distinct rules first
}

// Verify checks the rules of referral.violations(), and the checksums of results and ledger. Rules
// about one referee are checked for one key range after the other, each in a short transaction;
// sums in one statement. It only reads, holds one connection, and leaves the database to batches
// between ranges. A suspended database is verified like any other.
//
// A violation counts only if a second look, in one snapshot with no change pending for its referee,
// finds it again. progress is called after each range; nil: not wanted.
func Verify(ctx context.Context, db *postgres.DB, progress func(verified, total int64)) (*VerifyResult, error) {
	return newVerification(db).run(ctx, progress)
}

// verification is one run over all referees and sums.
type verification struct {
	engine    *Engine // never runs: it has the statements
	result    VerifyResult
	examples  int // most to name
	mostRange int // most attributions, pairs or entries in a range
}

func newVerification(db *postgres.DB) *verification {
	return &verification{
		engine: New(db, Options{}), examples: examplesShown, mostRange: mostVerifiedRange,
	}
}

func (v *verification) run(ctx context.Context, progress func(verified, total int64)) (*VerifyResult, error) {
	if progress == nil {
		progress = func(int64, int64) {}
	}
	if err := v.walk(ctx, progress); err != nil {
		return nil, fmt.Errorf("while verifying referees: %w", err)
	}
	if err := v.verifySums(ctx); err != nil {
		return nil, fmt.Errorf("while verifying sums: %w", err)
	}
	return &v.result, nil
}

// finding is a violation that a look has found.
type finding struct {
	Violation
	userID string // empty: it is about a sum
}

// walk verifies the referees, one key range after the other.
func (v *verification) walk(ctx context.Context, progress func(verified, total int64)) error {
	var total int64
	err := v.step(ctx, stepTimeout, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, v.engine.statement("verify_total")).Scan(&total, &v.result.BeganAt)
	})
	if err != nil {
		return err
	}
	size := min(firstVerifiedRange, v.mostRange)
	for from, more := "", true; more; {
		began := time.Now()
		r, err := v.readRange(ctx, from, size)
		if err != nil && !errors.Is(err, errOutOfOrder) && postgres.FaultOf(err) == postgres.FaultBatch && size > 1 {
			size /= 2 // it takes too long
			continue
		}
		if err != nil {
			return err
		}
		took := time.Since(began)
		if err := v.confirmReferees(ctx, r.findings); err != nil {
			return err
		}
		v.result.Referees += r.referees
		progress(v.result.Referees, max(total, v.result.Referees))
		if more = !r.end; more {
			from = *r.last + "\x01" // the first string after it
		}
		if took > verifiedRangeTime {
			size = max(1, size/2)
		} else {
			size = min(2*size, v.mostRange)
		}
		pauseForBatches(ctx, took, r.pending)
	}
	return nil
}

// verifiedRange is what the first look at a key range found.
type verifiedRange struct {
	last     *string // nil: there is no row
	end      bool    // no range follows
	referees int64
	pending  bool // changes wait to be decided: batches go first
	findings []finding
}

// check fails if the range ends before it begins, though another follows.
func (r *verifiedRange) check(from string) error {
	switch {
	case r.end:
		return nil
	case r.last == nil:
		return fmt.Errorf("%w: a range has no end, and another follows", errOutOfOrder)
	case *r.last < from:
		return outOfOrder(*r.last, from)
	}
	return nil
}

// readRange looks at a range: at all its rows at once, and at each rule only if they do not agree.
func (v *verification) readRange(ctx context.Context, from string, size int) (*verifiedRange, error) {
	var r verifiedRange
	err := v.step(ctx, stepTimeout, func(tx pgx.Tx) error {
		r = verifiedRange{}
		err := tx.QueryRow(ctx, v.engine.statement("verify_range"), from, size).Scan(&r.last, &r.end, &r.pending)
		if err != nil || r.last == nil && r.end {
			return err
		}
		if err := r.check(from); err != nil {
			return err
		}
		agree := false
		within := pgx.StrictNamedArgs{"from": from, "last": r.last}
		if err := tx.QueryRow(ctx, v.engine.statement("verify_agree"), within).Scan(&r.referees, &agree); err != nil || agree {
			return err
		}
		r.findings, err = v.findReferees(ctx, tx, from, r.last, nil)
		return err
	})
	return &r, err
}

// findReferees returns the violations of a range of referees, or of some referees in it.
func (v *verification) findReferees(ctx context.Context, tx pgx.Tx, from string, last *string, users []string) ([]finding, error) {
	rows, err := tx.Query(ctx, v.engine.statement("verify_referees"), pgx.StrictNamedArgs{"from": from, "last": last, "users": users})
	if err != nil {
		return nil, err
	}
	var f finding
	return keepFindings(rows, &f, &f.Rule, &f.userID, &f.Key, &f.Detail)
}

// findingBytes bounds the findings that are kept of one statement. The rest neither counts nor
// gives an example.
const (
	findingBytes    = 16 << 20
	findingOverhead = 128 // of one, beside its texts
)

// keepFindings scans each row into a finding, and returns as many as may be kept.
func keepFindings(rows pgx.Rows, f *finding, columns ...any) (kept []finding, err error) {
	bytes := 0
	_, err = pgx.ForEachRow(rows, columns, func() error { //nolint:forbidigo // the bound is here
		if bytes += findingOverhead + len(f.Rule) + len(f.userID) + len(f.Key) + len(f.Detail); bytes <= findingBytes {
			kept = append(kept, *f)
		}
		return nil
	})
	return kept, err
}

// confirmReferees looks again at the referees of findings, and counts what it finds again of
// referees without a pending change. For the others it waits until a batch has decided them, a
// few times.
func (v *verification) confirmReferees(ctx context.Context, found []finding) error {
	delay := newBackoff()
	for look := 0; len(found) > 0 && look < secondLooks; look++ {
		users := usersOf(found)
		var again []finding
		var pending []string
		err := v.step(ctx, stepTimeout, func(tx pgx.Tx) error {
			kinds, names := kindColumns()
			rows, err := tx.Query(ctx, v.engine.statement("verify_pending"), users, kinds, names)
			if err != nil {
				return err
			}
			if pending, err = postgres.CollectRows(rows, pgx.RowTo[string]); err != nil {
				return err
			}
			again, err = v.findReferees(ctx, tx, users[0], &users[len(users)-1], users)
			return err
		})
		if err != nil {
			return err
		}
		slices.Sort(pending)
		isPending := func(f finding) bool {
			_, is := slices.BinarySearch(pending, f.userID)
			return is
		}
		v.count(bothFound(found, again, isPending))
		if found = slices.DeleteFunc(found, func(f finding) bool { return !isPending(f) }); len(found) > 0 {
			pause(ctx, delay.NextBackOff())
		}
	}
	return nil
}

// usersOf lists the referees of findings in order.
func usersOf(found []finding) []string {
	var users []string
	for _, f := range found {
		users = append(users, f.userID)
	}
	slices.Sort(users)
	return slices.Compact(users)
}

// bothFound returns the findings of the second look that the first had too, except those left out.
func bothFound(first, second []finding, leftOut func(finding) bool) []finding {
	type key struct{ rule, key string }
	had := map[key]bool{}
	for _, f := range first {
		had[key{f.Rule, f.Key}] = true
	}
	return slices.DeleteFunc(second, func(f finding) bool { return leftOut(f) || !had[key{f.Rule, f.Key}] })
}

// verifySums checks counters, accounts and limits. What it finds it reads again in another
// snapshot.
func (v *verification) verifySums(ctx context.Context) error {
	first, err := v.findSums(ctx)
	if err != nil || len(first) == 0 {
		return err
	}
	second, err := v.findSums(ctx)
	if err != nil {
		return err
	}
	v.count(bothFound(first, second, func(finding) bool { return false }))
	return nil
}

func (v *verification) findSums(ctx context.Context) (found []finding, err error) {
	// Reading whole tables takes longer, but locks nothing.
	err = v.step(ctx, sumsTimeout, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, v.engine.statement("verify_sums"))
		if err != nil {
			return err
		}
		var f finding
		found, err = keepFindings(rows, &f, &f.Rule, &f.Key, &f.Detail)
		return err
	})
	return found, err
}

// count adds confirmed violations to the result. An example of a rule without one takes the place
// of a second example of another rule.
func (v *verification) count(confirmed []finding) {
	slices.SortFunc(confirmed, func(a, b finding) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Key, b.Key))
	})
	v.result.Violations += int64(len(confirmed))
	for _, f := range confirmed {
		example := Violation{Rule: shown(f.Rule), Key: shown(f.Key), Detail: shown(f.Detail)}
		switch examples := v.result.Examples; {
		case len(examples) < v.examples:
			v.result.Examples = append(v.result.Examples, example)
		case hasRule(examples, example.Rule):
		default:
			if i := repeatedRule(examples); i >= 0 {
				examples[i] = example
			}
		}
	}
}

// hasRule reports whether there is an example of a rule.
func hasRule(examples []Violation, rule string) bool {
	return slices.ContainsFunc(examples, func(e Violation) bool { return e.Rule == rule })
}

// repeatedRule returns the position of the last example whose rule an earlier one has; -1: none.
func repeatedRule(examples []Violation) int {
	for i := len(examples) - 1; i > 0; i-- {
		if hasRule(examples[:i], examples[i].Rule) {
			return i
		}
	}
	return -1
}

// step runs do in a read-only transaction of one snapshot, again after conflicts and lost
// connections. A step that takes too long is not run again: a smaller range may do.
func (v *verification) step(ctx context.Context, timeout time.Duration, do func(pgx.Tx) error) error {
	delay := newBackoff()
	for failures := 0; ; failures++ {
		err := v.engine.db.Snapshot(ctx, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, v.engine.statement("verify_begin")); err != nil {
				return err
			}
			if err := postgres.SetTimeouts(ctx, tx, lockTimeout, timeout); err != nil {
				return err
			}
			return do(tx)
		})
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil, failures == verifyRetries, !retryable(err), postgres.FaultOf(err) == postgres.FaultBatch:
			return err
		}
		pause(ctx, delay.NextBackOff())
	}
}

// retryable reports whether a plan or a verification may go on after the error. It does not wait
// for a silent server again, since others wait for its turn.
func retryable(err error) bool {
	return postgres.Retryable(err) && !errors.Is(err, context.DeadlineExceeded)
}

// pauseForBatches leaves the database to batches for a while, for longer if changes wait.
func pauseForBatches(ctx context.Context, took time.Duration, pending bool) {
	if pending {
		pause(ctx, 3*took)
		return
	}
	pause(ctx, took/4)
}
