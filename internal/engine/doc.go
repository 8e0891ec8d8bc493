// Package engine converges credits: it dequeues changes in batches, loads what is known of the
// referees that they name, lets package reward decide, and records the difference. One batch is one
// transaction:
//
//	dequeue ─► load, restore ─► decide ─► withhold ─► attribute ─┐
//	                                                            │
//	commit ◄─ fence ◄─ erase ◄─ record ◄─ settle ◄─ allocate ◄──┘
//
//	dequeue    lock shards, dequeue changes, expand those that do not name a user
//	load       facts, recorded results, links, touches, fingerprints
//	restore    pairs and attributions that are missing or altered
//	decide     reward.Decide: state, reason and amounts of each pair
//	withhold   drop reversals caused by missing rows once they exceed the mass-reversal limit
//	attribute  write the attributions that differ
//	allocate   lock limited campaigns; reward.Allocate: which claims are admitted
//	settle     reward.Settle: the ledger entries that the decisions need
//	record     write what differs from the recorded rows, and nothing else
//	erase      do the next steps of erasures of users
//	fence      do the steps of rollouts; roll back if the configuration epoch has moved
//
// An allocation batch begins with the head of a campaign's waitlist instead of the change queue,
// then takes the same steps. A resync compares the recorded results with the facts, one range of
// referees after the other, and takes the referees that differ through these steps too. A reversal
// takes back what a deleted campaign gave, from the recorded rows alone.
//
// The package depends on the attribution database alone. Any number of engines may run on one
// database: they share the work through locks on shards, and the configuration epoch, read as the
// last statement of each batch, keeps a batch from committing what was decided under an older
// configuration.
//
// What a policy says is decided in package reward, not here. This package decides which rows are
// trusted, restored, withheld or set aside. It knows nothing of Kubernetes.
//
// Where to begin: engine.go (the loop), worker.go (one batch after the other), batch.go (the steps
// of a batch), record.go and writes.go (everything that a batch writes).
package engine
