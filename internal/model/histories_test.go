package model

import (
	"flag"
	"os"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestHistories plays some hundred histories, the same on each machine, and fewer if they take
// longer than a minute. A soak plays other histories each time.
func TestHistories(t *testing.T) {
	const some, chunk, enough = 300, 25, time.Minute
	s := newShop(t)
	t.Cleanup(func() { t.Logf("what happened:\n%s", s.coverage) })
	began := time.Now()
	for seed := 1; s.coverage.of(histories) < some && time.Since(began) < enough; seed++ {
		must(t, flag.Set("rapid.seed", strconv.Itoa(seed)))
		s.playRandom(t, chunk)
	}
	must(t, flag.Set("rapid.seed", "0"))
}

// TestSoak plays HISTORIES histories, as many at a time as -parallel says, and prints its progress.
func TestSoak(t *testing.T) {
	wanted, err := strconv.Atoi(os.Getenv("HISTORIES"))
	if err != nil || wanted <= 0 {
		t.Skip("HISTORIES says how many histories to play")
	}
	all := &coverage{}
	t.Cleanup(all.report(wanted))
	t.Run("workers", func(t *testing.T) {
		workers := flag.Lookup("test.parallel").Value.(flag.Getter).Get().(int)
		for range workers {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				s := newShop(t)
				s.coverage = all
				s.playRandom(t, (wanted+workers-1)/workers)
			})
		}
	})
	t.Logf("what happened:\n%s", all)
	const plenty = 2000
	if wanted >= plenty && !t.Failed() {
		for _, what := range expected {
			if all.of(what) == 0 {
				t.Errorf("no history had a %s: what it proves says nothing about that", what)
			}
		}
	}
}

// playRandom plays so many random histories. It shrinks a failing one itself instead of letting
// rapid do so: leaving operations out is sufficient, and playing a history is slow.
func (s *shop) playRandom(t *testing.T, number int) {
	t.Helper()
	must(t, setOnce("rapid.shrinktime", "0s"))
	must(t, setOnce("rapid.nofailfile", "true"))
	must(t, setOnce("rapid.checks", strconv.Itoa(number)))
	type failure struct {
		wrong, details string
		history        []operation
	}
	failures := map[string]failure{} // rapid plays a failing history once more, and shows one that passes then without the details
	rapid.Check(t, func(t *rapid.T) {
		history := rapid.Custom(drawHistory).Draw(t, "history")
		test := asTest(history)
		failed, known := failures[test]
		if !known {
			if failed.wrong, failed.details = s.playback(history); failed.wrong == "" {
				return
			}
			failed.history, failed.details = s.shrink(history, failed.wrong, failed.details)
			failures[test] = failed
		}
		t.Logf("%s\n\nas a test:\n\n%s", failed.details, asTest(failed.history))
		t.Fatalf("%s", failed.wrong)
	})
}

// setOnce sets a flag unless it already has the value: another goroutine may be reading it.
func setOnce(name, value string) error {
	if flag.Lookup(name).Value.String() == value {
		return nil
	}
	return flag.Set(name, value)
}
