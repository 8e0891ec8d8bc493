package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/referral-operator/referral-operator/internal/engine"
)

const (
	oldWriterChanges = 3_600_000 // an hour at 1,000 a second
	dequeueBatches   = 50
	dequeueChanges   = 1_000
)

// dequeueWithOldWriter is the processor time of dequeueing while a writer's transaction is open
// that began before millions of changes which have been dequeued since, over that without one.
// Nothing that was removed after the transaction began leaves the table or its indexes before it
// ends.
func dequeueWithOldWriter(ctx context.Context, w *world) (all []series, err error) {
	quiet, err := w.newShop(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, quiet.drop(ctx)) }()
	old, err := w.newShop(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, old.drop(ctx)) }()

	writer, err := old.writer.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, writer.Rollback(context.WithoutCancel(ctx))) }()
	if _, err := writer.Exec(ctx, statement("write_purchase"), "old-writer", "order-1"); err != nil {
		return nil, fmt.Errorf("while beginning the old transaction: %w", err)
	}
	const bulk = 100_000
	many := w.scaled(oldWriterChanges)
	w.say("enqueueing and removing %d changes behind an open transaction", many)
	for done := 0; done < many; done += bulk {
		if err := old.enqueue(ctx, min(bulk, many-done)); err != nil {
			return nil, err
		}
		if _, err := old.db.Exec(ctx, "DELETE FROM referral.change"); err != nil {
			return nil, fmt.Errorf("while removing changes: %w", err)
		}
	}
	dequeues := func(name string, s *shop) (side, error) {
		e := s.newEngine()
		return side{name, func(ctx context.Context) (float64, error) {
			return w.costs("dequeueing "+name, func() error { return s.dequeue(ctx, e) })
		}}, e.Converge(ctx) // finds where the queues begin
	}
	withOld, err := dequeues("with an old writer", old)
	if err != nil {
		return nil, err
	}
	without, err := dequeues("without", quiet)
	if err != nil {
		return nil, err
	}
	ratios, err := w.compare(ctx, "s of processor time", withOld, without)
	return []series{ratios}, err
}

func (s *shop) enqueue(ctx context.Context, changes int) error {
	if _, err := s.db.Exec(ctx, statement("enqueue"), changes); err != nil {
		return fmt.Errorf("while enqueueing changes: %w", err)
	}
	return nil
}

// dequeue lets the engine work off one small backlog after the other.
func (s *shop) dequeue(ctx context.Context, e *engine.Engine) error {
	for range dequeueBatches {
		if err := s.enqueue(ctx, dequeueChanges); err != nil {
			return err
		}
		if err := e.Converge(ctx); err != nil {
			return err
		}
	}
	return nil
}
