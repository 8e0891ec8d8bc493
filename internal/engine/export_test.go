package engine

import "time"

// Replace replaces a statement: a test removes a guard to show what the guard prevents.
func (e *Engine) Replace(name, sql string) { e.sql[name] = sql }

// Statement is the text of one of the engine's statements.
func (e *Engine) Statement(name string) string { return e.sql.Get(name) }

// SetDecideTimeout changes how long a batch may take to decide.
func (e *Engine) SetDecideTimeout(timeout time.Duration) { e.decideTimeout = timeout }
