// Package engine converges credits: it takes noted changes in batches, loads
// what is known of the referees they name, lets package reward decide, and
// records the difference, all in one transaction a batch.
//
//	change list ─► take ─► load ─► reward.Decide ─► record ─► fence ─► commit
//
// It depends on the attribution database alone. Any number of engines may run
// on one database: they share work through locks on shard rows, and the
// configuration epoch, read as the last statement of each batch, keeps any of
// them from committing what was decided under an older configuration.
//
// No rule about credits lives here, and nothing about Kubernetes.
package engine
