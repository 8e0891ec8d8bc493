package database_test

import (
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// An annotation may contain any text.
func TestAnyTextThatRequestsAResyncIsAnswered(t *testing.T) {
	w := newWorld(t)
	w.declare(invite())
	status := func() database.ResyncStatus {
		t.Helper()
		status, err := database.ReadStatus(t.Context(), w.DB)
		testworld.Must(t, err)
		return status.Campaigns[0].Resync
	}
	if before := status(); !before.Answers("") || before.Answers("now") {
		t.Errorf("before any request: %+v", before)
	}
	long := strings.Repeat("x", 10_000)
	for _, request := range []string{
		"2026-12-01T10:00:00Z", "Tue Dec  1 10:00:00 UTC 2026", "Tue Dec 1 10:00:00 UTC 2026", "\x00", "two\nlines", " ", long, long + "y",
	} {
		if before := status(); before.Answers(request) {
			t.Errorf("%.40q is answered before it is requested", request)
		}
		testworld.Must(t, database.RequestResync(t.Context(), w.DB, inviteFriends(""), request))
		testworld.Exec(t, w, "UPDATE referral.resync_campaign SET handled = requested")
		if after := status(); !after.Answers(request) {
			t.Errorf("%.40q is not answered by %q", request, after.Handled)
		}
	}
	testworld.Must(t, database.RequestResync(t.Context(), w.DB, inviteFriends(""), "2026-12-01T10:00:00Z"))
	if requested := testworld.Value[string](t, w, "SELECT requested FROM referral.resync_campaign"); requested != "2026-12-01T10:00:00Z" {
		t.Errorf("a time is recorded as %q", requested)
	}
}
