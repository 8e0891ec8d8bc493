package controllers

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/database"
)

func TestEachReviewHasOneFirstReplicaAndOthersFollowSoon(t *testing.T) {
	const replicas, reviews = 3, 300
	firsts := [replicas]int{}
	for n := range reviews {
		uid := types.UID(fmt.Sprint("review-", n))
		turns := map[time.Duration]int{}
		for rank := range replicas {
			turn := untilTurnAt(database.Place{Rank: rank, Of: replicas}, uid)
			turns[turn]++
			if turn == 0 {
				firsts[rank]++
			}
		}
		if turns[0] != 1 || turns[reviewTurn] != 1 || turns[2*reviewTurn] != 1 {
			t.Fatalf("%s has its turns at %v", uid, turns)
		}
	}
	for rank, count := range firsts {
		if count < reviews/replicas/2 {
			t.Errorf("replica %d answers only %d of %d reviews first", rank, count, reviews)
		}
	}
}

func TestReviewWaitsForFewReplicasEvenIfManyServe(t *testing.T) {
	const replicas = 50
	for rank := range replicas {
		if turn := untilTurnAt(database.Place{Rank: rank, Of: replicas}, "review"); turn > mostTurns*reviewTurn {
			t.Errorf("replica %d waits %s", rank, turn)
		}
	}
	if turn := untilTurnAt(database.Place{Of: 1}, "review"); turn != 0 {
		t.Errorf("the only replica waits %s", turn)
	}
	if turn := untilTurnAt(database.Place{}, "review"); turn != reviewPatience {
		t.Errorf("a replica that does not serve the database waits %s", turn)
	}
}
