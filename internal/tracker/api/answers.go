package api

import (
	"context"
	"time"

	"golang.org/x/sync/semaphore"
)

// A client may take as long as the server allows to read its answer, which is in memory meanwhile,
// as values and as JSON. So large answers are charged for their bytes.
//
// The answer with a new fact is not charged, since it must not wait: the fact is committed. It
// holds what its body held, which stays charged until it is answered.
const (
	// largeReads is how many bytes pages and explanations may take at a time.
	largeReads = 16 << 20
	// longFacts is how many bytes answers with long facts that were stored before may take at a time.
	// With a budget of their own, a shop that repeats writes waits for no reader of explanations.
	longFacts = 2 << 20
	// mostWaiting is how many repeated long facts may wait for longFacts at a time, and longestWait is
	// how long each may. Their bodies stay charged meanwhile, and must leave bytes for those of new
	// facts.
	mostWaiting = 16
	longestWait = time.Second

	// pageBytes is what the answer with a page of a list takes at most.
	pageBytes = 2 << 20
	// longFactBytes is what an answer with one fact takes at most. Short facts are not charged.
	longFactBytes = 512 << 10
	// explanationBytes is what an explanation takes at most, with the facts that it is made of.
	explanationBytes = 8 << 20
)

var errBusyAnswers = unavailable("too many large answers are being sent")

// answerCharge is what one request has taken of a budget of large answers.
type answerCharge struct {
	of    *semaphore.Weighted // nil: nothing
	bytes int64
}

// charge waits until so many bytes of a budget are free for the answer to the request of a context.
// They are taken until the answer is written. A request may be charged once.
func charge(ctx context.Context, of *semaphore.Weighted, bytes int64) error {
	c, ok := ctx.Value(answerKey{}).(*answerCharge)
	if !ok {
		panic("the answer to a request that passed no guard")
	}
	if of.Acquire(ctx, bytes) != nil {
		return errBusyAnswers
	}
	c.of, c.bytes = of, bytes
	return nil
}

// chargeRepetition is charge for the answer with a long fact that was stored before.
func (a *api) chargeRepetition(ctx context.Context) error {
	if !a.waiting.TryAcquire(1) {
		return errBusyAnswers
	}
	defer a.waiting.Release(1)
	ctx, cancel := context.WithTimeout(ctx, longestWait)
	defer cancel()
	return charge(ctx, a.repetitions, longFactBytes)
}

// release gives everything back, at the end of the request.
func (c *answerCharge) release() {
	if c.of != nil {
		c.of.Release(c.bytes)
	}
}
