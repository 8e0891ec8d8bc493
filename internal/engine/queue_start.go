package engine

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"
)

// startValidFor is how long a recorded start is used. A start is exact, except on a server whose
// transaction ids went back, such as a standby that was promoted without the last transactions.
const startValidFor = time.Minute

// startSnapshotBytes bounds the snapshot of a recorded start: it names some 400 transactions that
// are in progress. Without a start a search takes longer, and finds the same.
const startSnapshotBytes = 8 << 10

// queueStarts record where the queue of each shard begins. While an older transaction is open,
// dequeued changes stay in the index as dead entries: after an hour these are millions, which every
// search for the oldest change would read.
//
// A queue is ordered by the transaction that enqueued a change, then by the change's id. A search
// for the oldest change sees one snapshot. A change that later appears in front of the one found
// was enqueued by a transaction that was in progress in that snapshot; transactions that begin
// later come after it. So the next search probes those few transactions, and otherwise continues
// where the last one ended. The first search after a late commit finds its changes.
type queueStarts struct {
	mu    sync.Mutex
	known map[int16]*queueStart // by shard
}

// queueStart is the result of the last search in a shard's queue: each change is at (xid, id) or
// later, or belongs to a transaction that was in progress in the snapshot seen.
type queueStart struct {
	xid        uint64
	id         int64
	seen       string
	validUntil time.Time // then the queue is searched from its beginning
}

// oldestChange is the oldest change of a locked shard.
type oldestChange struct {
	shard int16
	xid   string // empty: there was no change
	id    int64
}

// queueStartColumns are the parameters of oldest_change, by shard.
type queueStartColumns struct {
	shard []int16
	xid   []string
	id    []int64
	seen  []string
}

// columns returns the valid starts, and forgets the others.
func (q *queueStarts) columns(now time.Time) (c queueStartColumns) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for shard, known := range q.known {
		if !now.Before(known.validUntil) {
			delete(q.known, shard)
			continue
		}
		c.shard = append(c.shard, shard)
		c.xid = append(c.xid, strconv.FormatUint(known.xid, 10))
		c.id = append(c.id, known.id)
		c.seen = append(c.seen, known.seen)
	}
	return c
}

// record stores the oldest change of a shard as of a snapshot; an empty xid: there is none. It
// ignores a longer snapshot than is kept, and a shard that cannot exist.
func (q *queueStarts) record(now time.Time, f oldestChange, snapshot string) {
	if len(snapshot) > startSnapshotBytes || f.shard < 0 || f.shard >= mostShards {
		return
	}
	_, rest, _ := strings.Cut(snapshot, ":")
	end, _, _ := strings.Cut(rest, ":")
	xid, err := strconv.ParseUint(end, 10, 64) // every later transaction has this id or a higher one
	if err != nil {
		return
	}
	id := int64(0)
	// A change restored from another server's dump may name a future transaction.
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

// forget makes every queue be searched from its beginning: the database was away, and may be
// another server now.
func (q *queueStarts) forget() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.known = nil
}
