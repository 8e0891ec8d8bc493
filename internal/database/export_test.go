package database

// AppendMigration makes this binary one version newer. restore makes it older again.
func AppendMigration(text string) (restore func()) {
	migrations = append(migrations, migration{version: SchemaVersion + 1, text: text})
	SchemaVersion++
	return func() {
		SchemaVersion--
		migrations = migrations[:SchemaVersion]
	}
}

// Query returns a statement by the name of its file.
func Query(name string) string { return queries.Get(name) }
