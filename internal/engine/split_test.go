package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// queue holds the pending keys of each shard of an imagined database.
type queue map[int16][]string

// play lets a worker work on a queue until nothing is left or nothing may follow
// at once, at most 300 batches. broken returns the fault of a batch of these
// keys. It returns which keys were set aside, and one line for each batch.
func play(s *split, q queue, broken func(keys []string) postgres.Fault) (aside, batches []string) {
	now := time.Unix(0, 0)
	for range 300 {
		t := s.next(now, 0, 2000)
		e := ending{began: now}
		var keys []string
		var locked []int16
		for shard := range int16(16) {
			if len(locked) < min(t.mostShards, t.size) && len(q[shard]) > 0 && (t.suspect == "" || *shardOf(t.suspect) == shard) && !slices.Contains(shardsOf(t.excluded), shard) {
				locked = append(locked, shard)
				e.units = append(e.units, strconv.Itoa(int(shard)))
			}
		}
		for _, shard := range locked {
			keys = append(keys, q[shard][:min(len(q[shard]), max(1, t.size/len(locked)))]...)
		}
		e.chosen = len(keys)
		if len(keys) == 1 {
			e.alone = keys[0]
		}
		now = now.Add(time.Second)
		e.at = now
		line := "decided"
		switch {
		case len(keys) == 1 && keys[0] == t.setAside:
			aside = append(aside, keys[0])
			line = "set aside"
		case len(keys) == 0:
			line = "nothing"
		default:
			if e.fault = broken(keys); e.fault != postgres.FaultNone {
				e.cause = errors.New(string(e.fault))
				line = "failed"
			}
		}
		if e.fault == postgres.FaultNone {
			for _, shard := range locked {
				q[shard] = slices.DeleteFunc(q[shard], func(key string) bool { return slices.Contains(keys, key) })
			}
		}
		batches = append(batches, line)
		next := s.succeeded
		if e.fault != postgres.FaultNone {
			next = s.failure
		}
		if !next(t, e) {
			return aside, batches
		}
	}
	return aside, batches
}

// fails returns what fails batches that contain any of the keys.
func fails(fault postgres.Fault, bad ...string) func([]string) postgres.Fault {
	return func(keys []string) postgres.Fault {
		if slices.ContainsFunc(keys, func(key string) bool { return slices.Contains(bad, key) }) {
			return fault
		}
		return postgres.FaultNone
	}
}

func users(prefix string, many int) []string {
	var all []string
	for n := range many {
		all = append(all, prefix+string(rune('a'+n%26))+string(rune('a'+n/26)))
	}
	return all
}

func TestSplitSetsAsideTheRefereesAtFault(t *testing.T) {
	for _, test := range []struct {
		name      string
		queue     func() queue
		broken    func([]string) postgres.Fault
		wantAside []string
		wantLeft  int
	}{
		{"one among many of a shard", func() queue { return queue{3: users("x", 400)} },
			fails(postgres.FaultBatch, "xqc"), []string{"xqc"}, 0},
		{"one alone, and nothing else to do", func() queue { return queue{3: {"xaa"}} },
			fails(postgres.FaultBatch, "xaa"), []string{"xaa"}, 0},
		{"one in each of two shards", func() queue { return queue{0: users("x", 90), 5: users("y", 90), 9: users("z", 90)} },
			fails(postgres.FaultBatch, "xaa", "yla"), []string{"xaa", "yla"}, 0},
		{"two of one shard", func() queue { return queue{0: users("x", 90), 5: users("y", 90)} },
			fails(postgres.FaultBatch, "xaa", "xbc"), []string{"xaa", "xbc"}, 0},
		{"no batch of the database goes through", func() queue { return queue{0: users("x", 9), 5: users("y", 9)} },
			func([]string) postgres.Fault { return postgres.FaultBatch }, nil, 18},
		{"a lock that does not end", func() queue { return queue{0: users("x", 90), 5: users("y", 90)} },
			fails(postgres.FaultPassing, "xaa"), nil, 90},
		{"batches of more than ten", func() queue { return queue{0: users("x", 90), 5: users("y", 90)} },
			func(keys []string) postgres.Fault {
				if len(keys) > 10 {
					return postgres.FaultBatch
				}
				return postgres.FaultNone
			}, nil, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, q := split{full: 500}, test.queue()
			aside, batches := play(&s, q, test.broken)
			slices.Sort(aside)
			if diff := cmp.Diff(test.wantAside, aside); diff != "" {
				t.Errorf("set aside (-want +got):\n%s", diff)
			}
			left := 0
			for _, keys := range q {
				left += len(keys)
			}
			if left != test.wantLeft {
				t.Errorf("%d left, want %d, after %d batches", left, test.wantLeft, len(batches))
			}
			if (test.wantLeft > 0) != (s.stuck() != nil) {
				t.Errorf("%d left and stuck by: %v", left, s.stuck())
			}
		})
	}
}

func TestSplitTriesOtherShardsBeforeASuspect(t *testing.T) {
	s := split{full: 500}
	at := time.Unix(0, 0)
	t1 := s.next(at, 0, 2000)
	s.failure(t1, ending{began: at, at: at.Add(20 * time.Second), units: []string{"0", "1"}, chosen: 9, fault: postgres.FaultPassing, cause: errors.New("lock")})
	for _, test := range []struct {
		after time.Duration
		own   bool
	}{
		{20 * time.Second, false}, // other shards first
		{21 * time.Second, false}, // as long as the wait for the lock took
		{40 * time.Second, true},
		{41 * time.Second, false}, // then they alternate
	} {
		turn := s.next(at.Add(test.after), 0, 2000)
		if own := turn.suspect != ""; own != test.own {
			t.Errorf("after %v the turn is a suspect's: %t", test.after, own)
		}
		if turn.suspect == "" && !slices.Equal(turn.excluded, []string{"0", "1"}) && len(s.suspects) == 2 {
			t.Errorf("after %v the suspects are not left out: %v", test.after, turn.excluded)
		}
		s.succeeded(turn, ending{began: at.Add(test.after), at: at.Add(test.after), units: []string{max(turn.suspect, "3")}, chosen: 1})
	}
}

func TestSplitRemovesASuspectWithoutWork(t *testing.T) {
	s := split{full: 500}
	play(&s, queue{7: users("x", 9)}, fails(postgres.FaultPassing, "xaa"))
	if len(s.suspects) != 1 {
		t.Fatalf("%d suspects", len(s.suspects))
	}
	play(&s, queue{}, fails(postgres.FaultNone))
	if len(s.suspects) != 0 || s.stuck() != nil {
		t.Errorf("%d suspects, stuck by %v", len(s.suspects), s.stuck())
	}
}

// Each of two workers begins as soon as the other has failed, so it finds the unit locked whenever
// its own turn for the suspect comes.
func TestSplitsOfTwoWorkersBothShrinkASuspect(t *testing.T) {
	workers := []*split{{full: 125}, {full: 125}}
	now, left := time.Unix(0, 0), users("x", 500)
	for round := 0; slices.Contains(left, "xaa"); round++ {
		if round == 100 {
			t.Fatal("the referee at fault is not set aside")
		}
		worker, other := workers[round%2], workers[(round+1)%2]
		turn := worker.next(now, 0, 500)
		for !turn.allows("3") {
			worker.succeeded(turn, ending{began: now, at: now})
			turn = worker.next(now, 0, 500)
		}
		for more := true; more; {
			beside := other.next(now, 0, 500)
			more = other.succeeded(beside, ending{began: now, at: now, elsewhere: beside.suspect != ""})
		}
		e := ending{began: now, at: now.Add(time.Second), units: []string{"3"}, chosen: min(turn.size, len(left))}
		now = e.at
		if e.chosen == 1 {
			e.alone = left[0]
		}
		if slices.Contains(left[:e.chosen], "xaa") && turn.setAside != "xaa" {
			e.fault, e.cause = postgres.FaultBatch, errors.New("no")
			worker.failure(turn, e)
			continue
		}
		left = left[e.chosen:]
		worker.succeeded(turn, e)
	}
}

// Another engine works on a unit all the time, and says itself if that fails.
func TestSplitIsNotStuckByAUnitThatAnotherWorksOn(t *testing.T) {
	s := split{full: 500}
	play(&s, queue{7: users("x", 9)}, fails(postgres.FaultPassing, "xaa"))
	if s.stuck() == nil {
		t.Fatal("not stuck by a unit that failed twice")
	}
	now := time.Unix(3600, 0)
	for range 2 {
		turn := s.next(now, 0, 2000)
		s.succeeded(turn, ending{began: now, at: now, elsewhere: turn.suspect != ""})
	}
	if len(s.suspects) != 1 || s.stuck() != nil {
		t.Errorf("%d suspects, stuck by %v", len(s.suspects), s.stuck())
	}
}

// A batch whose statements take too long together ends without an error of the server. No referee
// is set aside for that: the server may be silent.
func TestSplitShrinksASuspectThatGetsNoAnswerInTime(t *testing.T) {
	s := split{full: 500}
	now, left, failed := time.Unix(0, 0), 90, 0
	for range 200 {
		turn := s.next(now, 0, 2000)
		e := ending{began: now}
		now = now.Add(time.Second)
		if e.at = now; left > 0 && turn.allows("3") {
			e.units, e.chosen = []string{"3"}, min(turn.size, left)
		}
		if turn.setAside != "" {
			t.Fatalf("%s is set aside", turn.setAside)
		}
		if e.chosen == 1 {
			e.alone = "xaa"
		}
		if e.chosen > 10 || e.chosen == 1 && failed < 20 {
			e.fault, e.cause = postgres.FaultPassing, fmt.Errorf("while recording results: %w", context.DeadlineExceeded)
			s.failure(turn, e)
			failed++
			continue
		}
		left -= e.chosen
		s.succeeded(turn, e)
	}
	if left > 0 || s.stuck() != nil {
		t.Errorf("%d left after %d failures, stuck by: %v", left, failed, s.stuck())
	}
}

// A server can name any number of campaigns.
func TestSplitKeepsABoundedNumberOfSuspects(t *testing.T) {
	s := split{full: 500}
	now, ofSuspects := time.Unix(0, 0), 0
	for n := range 1000 {
		turn := s.next(now, 0, 2000)
		e := ending{began: now, at: now.Add(time.Second), units: []string{"campaign " + strconv.Itoa(n)}, fault: postgres.FaultBatch, cause: errors.New("no")}
		if turn.suspect != "" {
			ofSuspects++
			e.units = []string{turn.suspect}
		}
		now = e.at
		s.failure(turn, e)
	}
	if len(s.suspects) != mostSuspects || ofSuspects < 300 {
		t.Errorf("%d suspects, which had %d turns", len(s.suspects), ofSuspects)
	}
}

func TestLongSnapshotsAndImpossibleShardsAreNotKept(t *testing.T) {
	var q queueStarts
	now := time.Now()
	q.record(now, oldestChange{shard: 1, xid: "7", id: 3}, "5:9:5,6")
	q.record(now, oldestChange{shard: 1, xid: "8", id: 4}, "5:9:"+strings.Repeat("5", startSnapshotBytes))
	q.record(now, oldestChange{shard: 2}, "5:9:"+strings.Repeat("5", startSnapshotBytes))
	q.record(now, oldestChange{shard: -1}, "5:9:")
	q.record(now, oldestChange{shard: mostShards}, "5:9:")
	got := q.columns(now)
	want := queueStartColumns{shard: []int16{1}, xid: []string{"7"}, id: []int64{3}, seen: []string{"5:9:5,6"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(queueStartColumns{})); diff != "" {
		t.Error(diff)
	}
}

func TestBatchMayLockOnlyTheShardsOfItsTurn(t *testing.T) {
	for _, c := range []struct {
		turn turn
		want []int16
	}{
		{turn{excluded: []string{"2", "5"}}, []int16{0, mostShards - 1}},
		{turn{suspect: "2"}, []int16{2}},
	} {
		b := &batch{turn: c.turn, shards: []int16{1}}
		var got []int16
		for _, shard := range []int16{-1, 0, 1, 2, 5, mostShards - 1, mostShards} {
			if b.mayLock(shard) {
				got = append(got, shard)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("turn %+v may lock %v, want %v", c.turn, got, c.want)
		}
	}
}
