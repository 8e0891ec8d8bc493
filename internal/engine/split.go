package engine

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// aloneAtMost is how often a referee has to fail alone, while there is nothing else to do, before
// it is set aside.
const aloneAtMost = 3

// mostSuspects bounds the units that are kept, whatever units a server names. Of shards there are
// never more.
const mostSuspects = mostShards

// split decides what the next batch of a worker may work on, given how its batches ended so far. It
// only reads and writes its own fields, so that a table of endings tests it.
//
// A unit of work is a shard of the change queue or the waitlist of a campaign. It becomes a suspect
// when its batch failed. From then on turns alternate: one for the other units, one for a suspect,
// which is the only unit of its batch. While the other units have work, a suspect waits for as long
// as its failed batch took, so that a timeout takes at most half of the time:
//
//	failed by its data, size or time ─► half as many changes the next time, down to one
//	a referee failed alone twice, another batch was decided since ─► that referee is set aside
//	a referee failed alone three times, nothing else to do, nothing else failed ─► set aside too
//	failed by a lock, the connection or the disk ─► the same again, and Err reports it
//	no answer in time ─► half as many changes too, since all statements together may be too slow
//	committed ─► twice as many changes, until the unit is no suspect any more
//	locked by another worker or engine ─► it stays a suspect, and its turn comes later
//
// So a failure of the whole database sets no referee aside: no batch is decided meanwhile.
type split struct {
	full           int // size from which a suspect becomes an ordinary unit again
	suspects       []suspect
	suspectNext    bool // the next turn is for a suspect, not for the other units
	idle           bool // the other units have nothing to do
	decided        int  // batches that decided a referee
	failed         int  // batches that failed by their data, size or time
	failuresInARow int  // failures since the last batch that committed
}

// suspect is a unit whose last batch failed.
type suspect struct {
	unit            string
	size            int       // most referees in its next batch
	alone           string    // the referee that failed alone; empty: none has
	timesAlone      int       // how often in a row that referee failed alone
	decided         int       // split.decided when the unit became a suspect
	failed          int       // split.failed when the referee first failed alone
	passingFailures int       // failures in a row that the batch did not cause
	cause           error     // of the last failure
	notBefore       time.Time // no turn before this time while other units have work
	elsewhere       bool      // in its last turn another worker or engine worked on it
}

// turn is what the next batch may work on.
type turn struct {
	firstShard int      // shard to begin with
	mostShards int      // shards
	suspect    string   // the only unit of the batch; empty: none
	excluded   []string // units that are left to other turns
	size       int      // most changes, or most waiting pairs
	setAside   string   // referee to set aside undecided if it is the only one; empty: none
	cause      error    // of setting it aside
}

// allows reports whether the batch may work on the unit.
func (t *turn) allows(unit string) bool {
	if t.suspect != "" {
		return unit == t.suspect
	}
	return !slices.Contains(t.excluded, unit)
}

// ending is how a batch ended.
type ending struct {
	began, at time.Time
	units     []string // units that were locked; empty: there was nothing to do, or none could be locked
	elsewhere bool     // the suspect has work, and another worker or engine has locked it
	chosen    int      // dequeued keys, or referees of the head of a waitlist
	alone     string   // the only referee that was chosen; empty: there were none or several
	fault     postgres.Fault
	cause     error
}

// next returns the turn of the next batch. firstShard and size are those of a turn without a
// suspect.
func (s *split) next(now time.Time, first, size int) turn {
	if p := s.due(now); p != nil {
		t := turn{firstShard: first, mostShards: 1, size: p.size, suspect: p.unit}
		if s.condemns(p) {
			t.setAside, t.cause = p.alone, p.cause
		}
		return t
	}
	t := turn{firstShard: first, mostShards: shardsPerBatch, size: size}
	for i := range s.suspects {
		t.excluded = append(t.excluded, s.suspects[i].unit)
	}
	return t
}

// due returns the suspect whose turn it is; nil: it is the turn of the other units.
func (s *split) due(now time.Time) *suspect {
	if !s.suspectNext {
		return nil
	}
	for i := range s.suspects {
		if p := &s.suspects[i]; s.idle || !now.Before(p.notBefore) {
			return p
		}
	}
	return nil
}

// condemns reports whether the suspect's referee caused the failures, not the database: another
// batch was decided since the unit failed, or there was nothing else to do and nothing else failed.
func (s *split) condemns(p *suspect) bool {
	switch {
	case p.alone == "":
		return false
	case s.decided > p.decided:
		return p.timesAlone >= 2
	}
	return p.timesAlone >= aloneAtMost && s.failed-p.failed == p.timesAlone-1
}

// succeeded records how a turn without a failure ended. It reports whether there may be anything
// left to do in the next one.
func (s *split) succeeded(t turn, e ending) (more bool) {
	switch {
	case e.elsewhere:
		return s.postpone(t)
	case len(e.units) == 0:
		return s.nothingToDo(t)
	}
	s.committed(t, e)
	return true
}

// postpone keeps a suspect that another worker or engine works on, with its size: if that batch
// fails too, it is in its turn a suspect there. A worker that forgot the size would begin with as
// many changes as ever.
func (s *split) postpone(t turn) (more bool) {
	p := s.remove(t)
	p.elsewhere = true
	s.suspects = append(s.suspects, p)
	s.suspectNext = false
	return !s.idle
}

// nothingToDo removes a suspect without work: another worker or engine has done it.
func (s *split) nothingToDo(t turn) (more bool) {
	if t.suspect != "" {
		s.remove(t)
	} else {
		s.idle = true
	}
	s.suspectNext = t.suspect == ""
	return len(s.suspects) > 0
}

func (s *split) committed(t turn, e ending) {
	s.suspectNext, s.idle = t.suspect == "", false
	s.failuresInARow = 0
	if e.chosen > 0 && t.setAside == "" {
		s.decided++
	}
	if t.suspect == "" {
		return
	}
	p := s.remove(t)
	if e.chosen < p.size && t.setAside == "" || p.size >= s.full {
		return // its queue is empty, or its batches are as large as any
	}
	s.suspects = append(s.suspects, suspect{unit: p.unit, size: 2 * p.size, decided: s.decided})
}

// failure makes suspects of the units of a failed batch, up to mostSuspects, and reports whether
// the next turn may follow at once: it may if it attempts something other than the last one.
func (s *split) failure(t turn, e ending) (atOnce bool) {
	s.failuresInARow++
	byBatch := e.fault == postgres.FaultBatch
	if byBatch {
		s.failed++
	}
	s.suspectNext, s.idle = false, false
	if t.suspect == "" {
		if len(s.suspects)+len(e.units) > mostSuspects {
			s.suspectNext = true
			return false
		}
		for _, unit := range e.units {
			p := suspect{unit: unit, size: max(1, t.size/len(e.units)), decided: s.decided}
			p.fail(e, byBatch, s.failed)
			s.suspects = append(s.suspects, p)
		}
		return byBatch || s.failuresInARow <= len(s.suspects)
	}
	p := s.remove(t)
	halved := byBatch && p.size > 1
	p.fail(e, byBatch, s.failed)
	s.suspects = append(s.suspects, p)
	return halved || p.alone != "" && byBatch && p.timesAlone <= aloneAtMost || s.failuresInARow <= len(s.suspects)
}

// remove removes the suspect of the turn and returns it.
func (s *split) remove(t turn) suspect {
	at := slices.IndexFunc(s.suspects, func(p suspect) bool { return p.unit == t.suspect })
	p := s.suspects[at]
	s.suspects = slices.Delete(s.suspects, at, at+1)
	return p
}

// fail records the suspect's failure.
func (p *suspect) fail(e ending, byBatch bool, failed int) {
	p.cause, p.notBefore, p.elsewhere = e.cause, e.at.Add(e.at.Sub(e.began)), false
	if !byBatch {
		p.passingFailures++
		if errors.Is(e.cause, context.DeadlineExceeded) {
			p.shrink(e)
		}
		return
	}
	p.passingFailures = 0
	switch e.alone {
	case "":
		p.alone, p.timesAlone = "", 0
	case p.alone:
		p.timesAlone++
	default:
		p.alone, p.timesAlone, p.failed = e.alone, 1, failed
	}
	if e.alone != "" {
		p.size = 1
		return
	}
	p.shrink(e)
}

// shrink halves the next batch, unless the one that failed was about other units too.
func (p *suspect) shrink(e ending) {
	if len(e.units) == 1 {
		p.size = max(1, min(p.size, e.chosen)/2)
	}
}

// stuck returns why a unit makes no progress that splitting could bring, such as a lock that does
// not end; nil: all make progress, or others say why not.
func (s *split) stuck() error {
	at := slices.IndexFunc(s.suspects, func(p suspect) bool {
		return !p.elsewhere && (p.passingFailures >= 2 || p.passingFailures == 0 && p.size == 1 && (p.alone == "" || p.timesAlone > aloneAtMost))
	})
	if at < 0 {
		return nil
	}
	return s.suspects[at].cause
}

// shardOf returns the shard of a unit of the change queue; nil: any.
func shardOf(unit string) *int16 {
	shard, err := strconv.ParseInt(unit, 10, 16)
	if err != nil {
		return nil
	}
	return new(int16(shard))
}

// shardsOf returns the shards of units of the change queue.
func shardsOf(units []string) []int16 {
	all := make([]int16, 0, len(units))
	for _, unit := range units {
		all = append(all, *shardOf(unit))
	}
	return all
}
