package database

import "time"

// SetLease shortens the lock's lease, and returns what puts it back.
func SetLease(d time.Duration) (restore func()) {
	old := lease
	lease = d
	return func() { lease = old }
}

// AppendMigration makes this binary one version newer, and returns what makes
// it older again.
func AppendMigration(text string) (restore func()) {
	migrations = append(migrations, migration{version: SchemaVersion + 1, text: text})
	SchemaVersion++
	return func() {
		SchemaVersion--
		migrations = migrations[:SchemaVersion]
	}
}

// Query is a statement by the name of its file.
func Query(name string) string { return query(name) }
