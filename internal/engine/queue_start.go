package engine

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"
)

// lookAgain is how long what is known of a queue's beginning is used. It is exact
// by itself; only a server whose transaction ids have gone back, as those of a
// standby that was promoted without the last transactions, could make it wrong.
const startValidFor = time.Minute

// queues know where the queue of each shard begins. As long as any transaction is
// older, changes that were dequeued stay in the index as dead entries: after an
// hour of a writer's open transaction that is millions, which each look for the
// first change would have to pass.
//
// A queue is ordered by the transaction that wrote a change and its id. A look for
// the first change is made in one snapshot, and all that may come in front of it
// later was written by a transaction in progress at that snapshot: it is not
// visible yet, and every transaction that begins later is behind. So the next look
// probes those few transactions, and otherwise goes on where the last one ended. A
// change that is committed late is found by the first look after its commit.
type queueStarts struct {
	mu    sync.Mutex
	known map[int16]*queueStart // by shard
}

// beginning is what the last look at a shard's queue found: each change is at
// (xid, id) or behind, or of a transaction in progress at the snapshot seen.
type queueStart struct {
	xid        uint64
	id         int64
	seen       string
	validUntil time.Time // then the queue is looked at from its very beginning
}

// first is the first change of a locked shard's queue.
type oldestChange struct {
	shard int16
	xid   string // empty: there was no change
	id    int64
}

// beginnings are the parameters of oldest_change for each shard that something is
// known of.
type queueStartColumns struct {
	shard []int16
	xid   []string
	id    []int64
	seen  []string
}

func (q *queueStarts) columns(now time.Time) (b queueStartColumns) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for shard, known := range q.known {
		if !now.Before(known.validUntil) {
			delete(q.known, shard)
			continue
		}
		b.shard = append(b.shard, shard)
		b.xid = append(b.xid, strconv.FormatUint(known.xid, 10))
		b.id = append(b.id, known.id)
		b.seen = append(b.seen, known.seen)
	}
	return b
}

// found takes note of the first change of a shard's queue as of a snapshot; an
// empty xid: there is none.
func (q *queueStarts) record(now time.Time, f oldestChange, snapshot string) {
	_, rest, _ := strings.Cut(snapshot, ":")
	end, _, _ := strings.Cut(rest, ":")
	xid, err := strconv.ParseUint(end, 10, 64) // every later transaction is from here on
	if err != nil {
		return
	}
	id := int64(0)
	// A change of a dump from another server may be of a transaction yet to come.
	if of, err := strconv.ParseUint(f.xid, 10, 64); err == nil && of < xid {
		xid, id = of, f.id
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	known := q.known[f.shard]
	if known == nil {
		known = &queueStart{validUntil: now.Add(startValidFor/2 + rand.N(startValidFor/2))}
		if q.known == nil {
			q.known = map[int16]*queueStart{}
		}
		q.known[f.shard] = known
	}
	known.xid, known.id, known.seen = xid, id, snapshot
}

// forget has every queue looked at from its very beginning: the database was
// away, and may be another server by now.
func (q *queueStarts) forget() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.known = nil
}
