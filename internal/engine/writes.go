package engine

import "github.com/jackc/pgx/v5"

// writeOwn queues what no other batch is waiting for: rows of the batch's own
// referees, and counters of a shard that it holds.
func (d *differences) writeOwn(writes *pgx.Batch, statement func(string) string, shard int16) {
	write := func(name string, rows int, arguments ...any) {
		if rows > 0 {
			writes.Queue(statement(name), arguments...)
		}
	}
	g := &d.digests
	write("record_digest", len(g.userID), g.userID, g.facts, g.via, g.pairs)
	write("remove_credit", len(d.gone.userID), d.gone.userID, d.gone.purchaseID, d.gone.reward)
	c := &d.credits
	write("record_credit", len(c.userID), c.userID, c.purchaseID, c.reward, c.campaign, c.beneficiaryID, c.currency, c.amount)
	e := &d.entries
	write("record_ledger", len(e.userID), e.userID, e.purchaseID, e.reward, e.seq, e.campaign, e.revision,
		e.beneficiaryID, e.amount, e.currency, e.kind, e.reason)
	write("park", len(d.parked.userID), d.parked.campaign, d.parked.userID)
	write("rest", len(d.resting), d.resting)
	write("set_aside", len(d.setAside.userID), d.setAside.userID, d.setAside.cause)
	write("readmit", len(d.decided), d.decided)
	n := countColumns(d.pairCounts)
	write("record_pair_count", len(n.campaign), shard, n.campaign, n.awaitingPurchase, n.waiting, n.held, n.granted, n.reversed, n.revised, n.conditionErrors)
	s := &d.creditCounts
	write("record_credit_count", len(s.campaign), shard, s.campaign, s.currency, s.granted, s.held, s.reversed)
}

// writePairs queues pairs, whose ordinals the referrers' counters have given.
func (d *differences) writePairs(writes *pgx.Batch, statement func(string) string) {
	fresh, revised := newPairColumns(len(d.pairs)), pairColumns{}
	for i := range d.pairs {
		if p := &d.pairs[i]; p.fresh {
			fresh.add(p)
		} else {
			revised.add(p)
		}
	}
	if p := &fresh; len(p.userID) > 0 {
		writes.Queue(statement("record_pair"), p.userID, p.purchaseID, p.campaign, p.referrerID, p.revision, p.order, p.ordinal,
			p.qualifiedAt, p.maturesAt, p.state, p.reason, p.allowed, p.needs, p.dueAt, p.credits)
	}
	if p := &revised; len(p.userID) > 0 {
		writes.Queue(statement("revise_pair"), p.userID, p.purchaseID, p.campaign, p.referrerID, p.revision, p.order, p.ordinal,
			p.qualifiedAt, p.maturesAt, p.state, p.reason, p.allowed, p.needs, p.dueAt, p.credits)
	}
}

// writeAccounts queues what entries and held credits come to per account.
func (d *differences) writeAccounts(writes *pgx.Batch, statement func(string) string) {
	if a := &d.accounts; len(a.beneficiaryID) > 0 {
		writes.Queue(statement("record_engine_account"), a.beneficiaryID, a.currency, a.earned, a.held)
	}
}
