package explain

import (
	"testing"
	"time"
)

// SetStatementTimeout changes how long a statement may take, until the test ends.
func SetStatementTimeout(t testing.TB, is time.Duration) {
	t.Helper()
	was := statementTimeout
	statementTimeout = is
	t.Cleanup(func() { statementTimeout = was })
}
