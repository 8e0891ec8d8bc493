package engine

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Kinds of a change.
const (
	kindReferee  = "Referee"
	kindVisitor  = "Visitor"
	kindCode     = "Code"
	kindCampaign = "Campaign"
	kindReferrer = "Referrer"
	kindRollout  = "Rollout"  // of a campaign: all its referees
	kindWithheld = "Withheld" // of a campaign: whose reversals have been permitted
	kindErasure  = "Erasure"  // of a user: the next step of an erasure
	kindFix      = "Fix"      // of a referee: its attribution stays, since an erasure is to move the touches
)

// expansions name the statements that turn other changes into referees.
var expandStatements = map[string]string{
	kindVisitor:  "expand_visitor",
	kindCode:     "expand_code",
	kindCampaign: "expand_campaign",
	kindReferrer: "expand_referrer",
	kindRollout:  "expand_rollout",
	kindWithheld: "expand_withheld",
}

// expansion is a number of changes of one kind and how far each has come.
type expansion struct {
	keys, resumeAfter []string
	at                map[string]int // of keys
}

// add adds a change; of several with the same key the one that has come least far.
func (e *expansion) add(key, resumeAfter string) {
	if at, found := e.at[key]; found {
		e.resumeAfter[at] = min(e.resumeAfter[at], resumeAfter)
		return
	}
	e.at[key] = len(e.keys)
	e.keys, e.resumeAfter = append(e.keys, key), append(e.resumeAfter, resumeAfter)
}

// take takes changes of the locked shards off the list, and referees whose
// hold is over. Referees are remembered for this batch; anything else is
// expanded into referees, who go back on the list, each in its own shard.
func (b *batch) dequeue(ctx context.Context) error {
	perShard := max(1, b.turn.size/len(b.shards))
	found := map[string]bool{}
	expand := map[string]*expansion{}
	var erased []string

	var queries pgx.Batch
	var from queueStartColumns
	for _, f := range b.oldest {
		if f.xid != "" {
			from.shard, from.xid, from.id = append(from.shard, f.shard), append(from.xid, f.xid), append(from.id, f.id)
		}
	}
	queries.Queue(b.statement("dequeue"), from.shard, from.xid, from.id, perShard).Query(func(rows pgx.Rows) error {
		var kind, key, resumeAfter string
		_, err := pgx.ForEachRow(rows, []any{&kind, &key, &resumeAfter}, func() error {
			switch kind {
			case kindReferee:
				found[key] = true
				return nil
			case kindErasure:
				if slices.Contains(erased, key) {
					return nil
				}
				if erased = append(erased, key); len(erased) <= erasuresPerBatch {
					found[key] = true
				}
				return nil
			case kindFix:
				found[key] = true
				b.fixes = append(b.fixes, key) // twice does no harm
				return nil
			}
			if expand[kind] == nil {
				expand[kind] = &expansion{at: map[string]int{}}
			}
			expand[kind].add(key, resumeAfter)
			return nil
		})
		return err
	})
	queries.Queue(b.statement("find_due"), b.shards, perShard).Query(func(rows pgx.Rows) error {
		var userID string
		for _, e := range expand {
			b.chosen += len(e.keys)
		}
		_, err := pgx.ForEachRow(rows, []any{&userID}, func() error {
			// What does not fit stays due for the next batch.
			if b.chosen+len(found) < b.turn.size {
				found[userID] = true
			}
			return nil
		})
		return err
	})
	queries.Queue(b.statement("read_clock")).QueryRow(func(row pgx.Row) error { return row.Scan(&b.now, &b.hasIncidents) })
	if err := b.send(ctx, &queries); err != nil {
		return err
	}

	b.chosen += len(found)
	b.setReferees(slices.Sorted(maps.Keys(found)))
	if err := b.dequeueErasures(ctx, erased); err != nil {
		return err
	}
	return b.expand(ctx, expand)
}

// expand does one bounded step of each expansion.
func (b *batch) expand(ctx context.Context, all map[string]*expansion) error {
	var steps pgx.Batch
	for kind, statement := range expandStatements {
		if e := all[kind]; e != nil {
			limit := max(1, min(b.turn.size, b.engine.usualBatch())/len(e.keys))
			steps.Queue(b.statement(statement), e.keys, e.resumeAfter, limit)
		}
	}
	return b.send(ctx, &steps)
}
