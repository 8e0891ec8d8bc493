package database_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"unicode"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// The owner of a database may write anything into the columns that a status shows, and a message
// puts the owner's UID into a line for a shell.
func TestWhatADatabaseSaysIsShownWithoutControlCharactersAndCut(t *testing.T) {
	w := newWorld(t)
	w.declare(invite())
	const hostile = "a\x1b[31m\r\nb\u202e; rm -rf ~; `x` $(y)"
	testworld.Exec(t, w, "UPDATE referral.owner SET name = $1, uid = $1, installation = $1", hostile)
	testworld.Exec(t, w, `INSERT INTO referral.resync_campaign (campaign, handled, found) VALUES ('invite-friends', $1, $1)`,
		hostile+strings.Repeat("x", 10_000))
	status, err := database.ReadStatus(t.Context(), w.DB)
	testworld.Must(t, err)
	owned, another := errors.AsType[*database.ErrOwnedByAnother](database.Heartbeat(t.Context(), w.DB, shop))
	if !another {
		t.Fatal("the schema has the same owner")
	}
	for what, text := range map[string]string{
		"owner": status.Owner.Name, "UID": status.Owner.UID, "installation": status.Owner.Installation,
		"another owner": owned.Owner.Name, "UID of another owner": owned.Owner.UID,
	} {
		if text == "" || strings.ContainsAny(text, " ;`$()~\x1b\r\n\u202e") {
			t.Errorf("%s is %q", what, text)
		}
	}
	for what, text := range map[string]string{"found": status.Campaigns[0].Resync.Found, "handled": status.Campaigns[0].Resync.Handled} {
		if text == "" || len(text) > 600 || strings.ContainsFunc(text, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf) }) {
			t.Errorf("%s is %q", what, text)
		}
	}
}

func TestLongTextsOfADatabaseAreNotKept(t *testing.T) {
	w := newWorld(t)
	w.declare(invite())
	testworld.Exec(t, w, "UPDATE referral.owner SET name = repeat('n', 300000), uid = repeat('u', 300000), installation = repeat('i', 300000)")
	testworld.Exec(t, w, "UPDATE referral.campaign SET policy = repeat('p', 300000)")
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var all []database.Status
	for range 16 {
		status, err := database.ReadStatus(t.Context(), w.DB)
		testworld.Must(t, err)
		all = append(all, status)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > 8<<20 { // 19 MiB were read; connections keep buffers
		t.Errorf("%d MiB are kept for %d statuses with owner %.20s", kept>>20, len(all), all[0].Owner.Name)
	}
}
