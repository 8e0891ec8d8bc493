package engine

// Replace puts another statement in the place of one: a test takes a guard away
// to see what it is for.
func (e *Engine) Replace(name, sql string) { e.sql[name] = sql }

// Statement is the text of one of the engine's statements.
func (e *Engine) Statement(name string) string { return e.sql.Get(name) }
