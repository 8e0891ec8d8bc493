package database

// AppendMigration makes this binary one version newer. restore makes it older again.
func AppendMigration(text string) (restore func()) {
	before := SchemaVersion
	SchemaVersion++
	migrations = append(migrations, migration{version: SchemaVersion, text: text})
	return func() {
		SchemaVersion = before
		migrations = migrations[:len(migrations)-1]
	}
}

// MigrationVersions returns the versions of the embedded migrations.
func MigrationVersions() (versions []int64) {
	for _, m := range migrations {
		versions = append(versions, int64(m.version))
	}
	return versions
}

// Query returns a statement by the name of its file.
func Query(name string) string { return queries.Get(name) }

// OnlyMigrationsUpTo stands for an older version of this binary. It returns a function that undoes
// it.
func OnlyMigrationsUpTo(version int) (undo func()) {
	all, before := migrations, SchemaVersion
	for len(migrations) > 0 && migrations[len(migrations)-1].version > version {
		migrations = migrations[:len(migrations)-1]
	}
	SchemaVersion = version
	return func() { migrations, SchemaVersion = all, before }
}

// ReadCredits parses the counters of a campaign as the server sends them.
var ReadCredits = readCredits
