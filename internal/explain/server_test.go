package explain_test

import (
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/explain"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// farFuture is after the year 9999.
var farFuture = time.Date(20_000, time.January, 1, 0, 0, 0, 0, time.UTC)

func openServer(t *testing.T, server testworld.Answers) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{URI: server.Serve(t), Schema: postgres.DefaultSchema})
	check(t, err)
	t.Cleanup(db.Close)
	return db
}

func TestClockAfterTheYear9999IsShownAsTheLastMomentOfIt(t *testing.T) {
	friends, err := explain.OfReferrer(t.Context(), openServer(t, testworld.Answers{"SELECT now()": {farFuture}}), "anna", "")
	check(t, err)
	if !friends.At.Equal(postgres.LatestTime) {
		t.Errorf("read at %s", friends.At)
	}
}

func TestStageThatNoFriendHasIsAnError(t *testing.T) {
	for _, stage := range []int64{-1, 5, 1 << 40} {
		server := testworld.Answers{"SELECT now()": {time.Now()}, "Counts the friends": {stage, int64(1)}}
		if friends, err := explain.OfReferrer(t.Context(), openServer(t, server), "anna", ""); err == nil {
			t.Errorf("stage %d: %+v", stage, friends)
		} else {
			t.Log(err)
		}
	}
}
