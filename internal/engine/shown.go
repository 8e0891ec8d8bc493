package engine

import "github.com/referral-operator/referral-operator/internal/postgres"

// shownBytes is the most bytes of a name or text of the server that people see in a log or in a
// result.
const shownBytes = 300

// shown returns a name or text of the server as people may see it: on one line, without control
// characters and cut.
func shown(text string) string { return postgres.Plain(text, shownBytes) }
