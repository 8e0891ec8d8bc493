package engine

import (
	"regexp"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// shownBytes is the most bytes of a name or text of the server that people see in a log or in a
// result.
const shownBytes = 300

// shown returns a name or text of the server as people may see it: on one line, without control
// characters and cut.
func shown(text string) string { return postgres.Plain(text, shownBytes) }

// quoted is a text in quotes, whose end may have been cut off.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*(?:"|$)`)

// logged returns an error as a log may have it: without the texts in quotes, since errors quote every
// id and code. Table set_aside has the whole cause.
func logged(err error) string { return quoted.ReplaceAllString(postgres.Message(err), `"…"`) }
