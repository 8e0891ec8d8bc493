package touches

import "time"

// SetStatementTimeout sets when the server ends the statement of a group. Call it before Run.
func (q *Queue) SetStatementTimeout(slow time.Duration) { q.slow = slow }
