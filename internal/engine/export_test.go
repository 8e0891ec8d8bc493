package engine

// Replace replaces a statement: a test removes a guard to show what the guard prevents.
func (e *Engine) Replace(name, sql string) { e.sql[name] = sql }

// Statement is the text of one of the engine's statements.
func (e *Engine) Statement(name string) string { return e.sql.Get(name) }
