package api

import (
	"context"

	"golang.org/x/sync/semaphore"
)

const (
	// largeAnswers is how many bytes large answers may take at a time. A client may take as long as
	// the server allows to read its answer, which is in memory meanwhile, as values and as JSON.
	largeAnswers = 16 << 20
	// pageBytes is what the answer with a page of a list takes at most.
	pageBytes = 2 << 20
	// longFactBytes is what an answer with one fact takes at most. Short facts are not charged.
	longFactBytes = 512 << 10
	// explanationBytes is what an explanation takes at most, with the facts that it is made of.
	explanationBytes = 8 << 20
)

// answerCharge is what one request has taken of the bytes of large answers.
type answerCharge struct {
	of    *semaphore.Weighted
	bytes int64
}

// charge waits until so many bytes are free for the answer to the request of a context. They are
// taken until the answer is written.
func charge(ctx context.Context, bytes int64) error {
	c, ok := ctx.Value(answerKey{}).(*answerCharge)
	if !ok {
		panic("the answer to a request that passed no guard")
	}
	if c.of.Acquire(ctx, bytes) != nil {
		return unavailable("too many large answers are being sent")
	}
	c.bytes += bytes
	return nil
}

// release gives everything back, at the end of the request.
func (c *answerCharge) release() { c.of.Release(c.bytes) }
