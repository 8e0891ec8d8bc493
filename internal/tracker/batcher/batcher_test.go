package batcher_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/tracker/batcher"
)

// blocked returns a batcher whose first batch, of the item 0, is in progress until release is
// called, and the sizes of the batches so far.
func blocked(t *testing.T, batchSize, waiting int) (b *batcher.Batcher[int, int], release func(), sizes *[]int) {
	t.Helper()
	begun, proceed := make(chan struct{}, 1), make(chan struct{})
	sizes = new([]int)
	b = &batcher.Batcher[int, int]{BatchSize: batchSize, Parallel: 1, Waiting: waiting}
	b.Do = func(_ context.Context, items []int) []int {
		*sizes = append(*sizes, len(items))
		if items[0] == 0 {
			begun <- struct{}{}
			<-proceed
		}
		answers := make([]int, len(items))
		for i, item := range items {
			answers[i] = item * 10
		}
		return answers
	}
	if _, err := b.Add(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	<-begun
	return b, func() { close(proceed) }, sizes
}

func TestItemsThatArriveDuringABatchShareTheNext(t *testing.T) {
	b, release, sizes := blocked(t, 4, 0)
	var calls []*batcher.Call[int, int]
	for item := 1; item <= 10; item++ {
		c, err := b.Add(t.Context(), item)
		if err != nil {
			t.Fatal(err)
		}
		calls = append(calls, c)
	}
	release()
	for i, c := range calls {
		if answer, err := c.Wait(t.Context()); err != nil || answer != (i+1)*10 {
			t.Errorf("item %d: %d, %v", i+1, answer, err)
		}
	}
	if diff := cmp.Diff([]int{1, 4, 4, 2}, *sizes); diff != "" {
		t.Errorf("sizes of batches (-want +got):\n%s", diff)
	}
}

func TestACancelledItemIsLeftOutOfItsBatch(t *testing.T) {
	b, release, sizes := blocked(t, 4, 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancelled, err := b.Add(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := b.Add(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	release()
	if answer, err := kept.Wait(t.Context()); err != nil || answer != 20 {
		t.Errorf("the other item: %d, %v", answer, err)
	}
	// The context of Wait goes on: a dropped item must not be waited for without end.
	if _, err := cancelled.Wait(t.Context()); !errors.Is(err, context.Canceled) {
		t.Errorf("the cancelled item: %v", err)
	}
	if diff := cmp.Diff([]int{1, 1}, *sizes); diff != "" {
		t.Errorf("sizes of batches (-want +got):\n%s", diff)
	}
}

// Else items without a caller would fill the batcher, and stay in memory, until the database answers.
func TestItemWhoseCallerIsGoneGivesUpItsPlaceAtOnce(t *testing.T) {
	b, release, sizes := blocked(t, 4, 2)
	kept, err := b.Add(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for item := range 10 {
		ctx, cancel := context.WithCancel(t.Context())
		c, err := b.Add(ctx, item+2)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := c.Wait(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("the cancelled item: %v", err)
		}
		<-c.Done()
	}
	release()
	if answer, err := kept.Wait(t.Context()); err != nil || answer != 10 {
		t.Errorf("the other item: %d, %v", answer, err)
	}
	if diff := cmp.Diff([]int{1, 1}, *sizes); diff != "" {
		t.Errorf("sizes of batches (-want +got):\n%s", diff)
	}
}

func TestItemIsDoneOnlyAfterItsBatch(t *testing.T) {
	begun, proceed := make(chan struct{}), make(chan struct{})
	b := &batcher.Batcher[int, int]{BatchSize: 1, Parallel: 1}
	b.Do = func(context.Context, []int) []int {
		close(begun)
		<-proceed
		return []int{1}
	}
	ctx, cancel := context.WithCancel(t.Context())
	c, err := b.Add(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	<-begun
	cancel()
	if _, err := c.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("the item: %v", err)
	}
	select {
	case <-c.Done():
		t.Error("the item is done before its batch")
	default:
	}
	close(proceed)
	<-c.Done()
}

func TestAFullBatcherRefusesFurtherItems(t *testing.T) {
	b, release, _ := blocked(t, 4, 1)
	defer release()
	if _, err := b.Add(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Add(t.Context(), 2); !errors.Is(err, batcher.ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
}
