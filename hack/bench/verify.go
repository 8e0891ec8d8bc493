package main

import (
	"context"
	"fmt"

	"github.com/referral-operator/referral-operator/internal/engine"
)

// verifyVersusBareScan is the processor time of a verification of a million pairs, over that of
// scanning attributions, pairs, credits and ledger entries once to compare each row with its
// checksum.
func verifyVersusBareScan(ctx context.Context, w *world) ([]series, error) {
	s, err := w.million(ctx)
	if err != nil {
		return nil, err
	}
	verification := side{"verification", func(ctx context.Context) (float64, error) {
		return w.costs("a verification", func() error {
			result, err := engine.Verify(ctx, s.db, nil)
			if err == nil && result.Violations > 0 {
				err = fmt.Errorf("the ledger has %d violations: %+v", result.Violations, result.Examples)
			}
			return err
		})
	}}
	bare := side{"bare scan", func(ctx context.Context) (float64, error) {
		return w.costs("a scan of the same rows", func() error {
			var altered int64
			return s.db.QueryRow(ctx, statement("bare_scan")).Scan(&altered)
		})
	}}
	ratios, err := w.compare(ctx, "s of processor time", verification, bare)
	return []series{ratios}, err
}
