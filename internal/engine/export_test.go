package engine

import "context"

// Replace replaces a statement: a test removes a guard to show what the guard prevents.
func (e *Engine) Replace(name, sql string) { e.sql[name] = sql }

// Statement is the text of one of the engine's statements.
func (e *Engine) Statement(name string) string { return e.sql.Get(name) }

// Attempts runs at most n batches, while there is work.
func (e *Engine) Attempts(ctx context.Context, n int) error {
	w := newWorker(e, 0)
	for range n {
		if _, _, err := e.poll(ctx); err != nil {
			return err
		}
		if did, _, err := w.attempt(ctx); err != nil || !did {
			return err
		}
	}
	return nil
}

// LimitClaims lets a plan keep so many claims. It returns a function that undoes it.
func LimitClaims(claims int) (undo func()) {
	before := bytesOfClaims
	bytesOfClaims = claims * bytesPerClaim
	return func() { bytesOfClaims = before }
}
