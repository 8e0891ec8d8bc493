package engine

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// Kinds of a change.
const (
	kindReferee  = "Referee"
	kindVisitor  = "Visitor"
	kindCode     = "Code"
	kindCampaign = "Campaign"
	kindReferrer = "Referrer"
	kindRollout  = "Rollout"  // key: a campaign; reaches all its referees
	kindWithheld = "Withheld" // key: a campaign; reaches referees with withheld pairs that may be reversed
	kindErasure  = "Erasure"  // key: a user; asks for the next step of an erasure
	kindFix      = "Fix"      // key: a referee; fixes its attribution, since an erasure moves the touches
)

// keyName is what the key of a change names.
type keyName string

const (
	namesUser     keyName = "User"
	namesVisitor  keyName = "Visitor"
	namesCode     keyName = "Code"
	namesReferrer keyName = "Referrer"
	namesCampaign keyName = "Campaign"
)

// changeKind says of a kind what its keys name, and which statement turns its changes into changes
// of referees; empty: a batch does that work itself.
type changeKind struct {
	names  keyName
	expand string
}

// changeKinds are the kinds of changes. A change of another kind is not dequeued for anything, and
// no pending change of another kind keeps a referee out of a resync.
var changeKinds = map[string]changeKind{
	kindReferee:  {names: namesUser},
	kindErasure:  {names: namesUser},
	kindFix:      {names: namesUser},
	kindVisitor:  {namesVisitor, "expand_visitor"},
	kindCode:     {namesCode, "expand_code"},
	kindReferrer: {namesReferrer, "expand_referrer"},
	kindCampaign: {namesCampaign, "expand_campaign"},
	kindRollout:  {namesCampaign, "expand_rollout"},
	kindWithheld: {namesCampaign, "expand_withheld"},
}

// kindColumns lists all kinds with what their keys name.
func kindColumns() (kinds, names []string) {
	kinds = slices.Sorted(maps.Keys(changeKinds))
	for _, kind := range kinds {
		names = append(names, string(changeKinds[kind].names))
	}
	return kinds, names
}

// stages are the stages of expansions in the order in which each kind goes through its own: of a
// campaign Deferred, Links, Fixed; of a code Signups, Visitors. See column stage of
// referral.change.
var stages = []string{"", "Deferred", "Links", "Fixed", "Signups", "Visitors"}

// point is how far an expansion has come. The zero point is its beginning.
type point struct{ stage, resumeAfter string }

func (p point) compare(other point) int {
	return cmp.Or(cmp.Compare(slices.Index(stages, p.stage), slices.Index(stages, other.stage)), cmp.Compare(p.resumeAfter, other.resumeAfter))
}

// expansion lists the dequeued changes of one kind, one per key. Of the points that the changes of
// a key have reached it keeps the least and the furthest.
type expansion struct {
	keys            []string
	least, furthest []point
	at              map[string]int // index of each key
}

// add adds a change.
func (e *expansion) add(key string, reached point) {
	at, found := e.at[key]
	switch {
	case !found:
		e.at[key] = len(e.keys)
		e.keys, e.least, e.furthest = append(e.keys, key), append(e.least, reached), append(e.furthest, reached)
	case reached.compare(e.least[at]) < 0:
		e.least[at] = reached
	case reached.compare(e.furthest[at]) > 0:
		e.furthest[at] = reached
	}
}

// expansionColumns are keys of one kind with the points that they have reached.
type expansionColumns struct{ keys, stages, resumeAfter []string }

func (c *expansionColumns) add(key string, reached point) {
	c.keys, c.stages, c.resumeAfter = append(c.keys, key), append(c.stages, reached.stage), append(c.resumeAfter, reached.resumeAfter)
}

// steps returns where the next step of each key begins, and which changes are enqueued again since
// that step does not begin at their point.
//
// A step continues at the furthest point, and what the least change asks for begins when that walk
// has ended. Else a key that is written again before each step would never reach its last referees.
// Only a rollout begins again at once: a newer revision stops the one before.
func (e *expansion) steps(kind string) (next, again expansionColumns) {
	for i, key := range e.keys {
		if kind == kindRollout || e.least[i] == e.furthest[i] {
			next.add(key, e.least[i])
			continue
		}
		next.add(key, e.furthest[i])
		again.add(key, e.least[i])
	}
	return next, again
}

// changeKey is what a change is about.
type changeKey struct{ kind, key string }

// dequeued are changes that were taken from the queue, sorted by what they ask for.
type dequeued struct {
	mostKeys int // that the batch asked for
	keys     map[changeKey]bool
	bytes    int // memory of the keys

	referees map[string]bool       // user_ids to decide
	erased   []string              // user_ids to erase; the batch also decides the first erasuresPerBatch of them
	fixes    []string              // user_ids whose attributions become fixed
	expand   map[string]*expansion // by kind
}

var errMoreKeys = errors.New("the database dequeues changes of more keys than the batch asked for: restore table change and its primary key")

// add adds a change. The server that sends it is not trusted.
func (d *dequeued) add(kind, key, stage, resumeAfter string) error {
	again := d.keys[changeKey{kind, key}]
	switch {
	case again:
	case len(d.keys) == d.mostKeys:
		return errMoreKeys
	default:
		if err := checkID(key); err != nil {
			return err
		}
		d.keys[changeKey{kind, key}] = true
		d.bytes += bytesPerText + len(kind) + len(key) + len(stage) + len(resumeAfter)
	}
	is, known := changeKinds[kind]
	switch {
	case !known:
	case kind == kindReferee:
		d.referees[key] = true
	case again && (kind == kindErasure || kind == kindFix):
	case kind == kindErasure:
		if d.erased = append(d.erased, key); len(d.erased) <= erasuresPerBatch {
			d.referees[key] = true
		}
	case kind == kindFix:
		d.referees[key] = true
		d.fixes = append(d.fixes, key)
	case is.expand != "":
		if d.expand[kind] == nil {
			d.expand[kind] = &expansion{at: map[string]int{}}
		}
		d.expand[kind].add(key, point{stage, resumeAfter})
	}
	return nil
}

// dequeue deletes the oldest changes of the locked shards from the queue and finds the referees
// with a hold that has ended. Referees become those of the batch; changes of other kinds are
// expanded into changes of referees, each in its own shard.
func (b *batch) dequeue(ctx context.Context) error {
	perShard := max(1, b.turn.size/len(b.shards))
	d := dequeued{
		mostKeys: perShard * len(b.shards), keys: map[changeKey]bool{}, referees: map[string]bool{}, expand: map[string]*expansion{},
	}

	var queries pgx.Batch
	var from queueStartColumns
	for _, f := range b.oldest {
		if f.xid != "" {
			from.shard, from.xid, from.id = append(from.shard, f.shard), append(from.xid, f.xid), append(from.id, f.id)
		}
	}
	queries.Queue(b.statement("dequeue"), from.shard, from.xid, from.id, perShard).Query(func(rows pgx.Rows) error {
		var kind, key, stage, resumeAfter string
		err := postgres.ForEachRow(rows, []any{&kind, &key, &stage, &resumeAfter}, func() error { return d.add(kind, key, stage, resumeAfter) })
		if errors.Is(err, errMoreKeys) {
			b.shards, b.oldest = nil, nil // no shard is at fault
		}
		return err
	})
	queries.Queue(b.statement("find_due"), b.shards, perShard).Query(func(rows pgx.Rows) error {
		var userID string
		for _, e := range d.expand {
			b.chosen += len(e.keys)
		}
		return postgres.ForEachRow(rows, []any{&userID}, func() error {
			// Referees beyond the batch's size stay due for the next batch.
			if b.chosen+len(d.referees) < b.turn.size {
				d.referees[userID] = true
			}
			return nil
		})
	})
	queries.Queue(b.statement("read_clock")).QueryRow(func(row pgx.Row) error { return row.Scan(&b.now, &b.hasIncidents) })
	if err := b.send(ctx, &queries); err != nil {
		return err
	}

	b.chosen += len(d.referees)
	b.bytes += d.bytes
	b.fixes = d.fixes
	if err := b.setReferees(slices.Sorted(maps.Keys(d.referees))); err != nil {
		return err
	}
	if err := b.dequeueErasures(ctx, d.erased); err != nil {
		return err
	}
	if d.expand[kindVisitor] != nil {
		b.engine.touched.Store(true)
	}
	return b.expand(ctx, d.expand)
}

// expand does one bounded step of each expansion. Steps of rollouts come at the end of the batch.
func (b *batch) expand(ctx context.Context, all map[string]*expansion) error {
	b.rollouts = all[kindRollout]
	delete(all, kindRollout)
	if e := all[kindCampaign]; e != nil {
		var err error
		if b.resumed, err = b.resume(ctx, e.keys); err != nil {
			return err
		}
	}
	return b.expandNow(ctx, all)
}

// resume returns which of these campaigns are not suspended or closed any more and have deferred
// referees.
func (b *batch) resume(ctx context.Context, campaigns []string) ([]string, error) {
	resumed := slices.DeleteFunc(slices.Clone(campaigns), func(name string) bool {
		c := b.config.Reward.Campaigns[name]
		return c == nil || c.Mode != reward.Open && c.Mode != reward.PolicyMissing
	})
	rows, err := b.tx.Query(ctx, b.statement("find_deferred"), resumed)
	if err != nil {
		return nil, err
	}
	return postgres.CollectRows(rows, pgx.RowTo[string])
}

func (b *batch) expandNow(ctx context.Context, all map[string]*expansion) error {
	var steps pgx.Batch
	for kind, e := range all {
		if e == nil {
			continue
		}
		limit := max(1, min(b.turn.size, b.engine.usualBatch())/len(e.keys))
		next, again := e.steps(kind)
		// Not strict: kinds of one stage do not use stages.
		steps.Queue(b.statement(changeKinds[kind].expand), pgx.NamedArgs{
			"keys": next.keys, "stages": next.stages, "resume_after": next.resumeAfter, "limit": limit,
		})
		if len(again.keys) > 0 {
			steps.Queue(b.statement("enqueue_expansion"), kind, again.keys, again.stages, again.resumeAfter)
		}
	}
	return b.send(ctx, &steps)
}
