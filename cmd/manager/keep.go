package main

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/go-logr/logr"
)

// settled is how long a manager must run for the backoff to begin anew.
const settled = time.Minute

// keepManager runs one manager after the other until ctx ends. A manager ends by itself when it
// loses its lease, and may fail to start. The engines run beside it and go on.
func keepManager(ctx context.Context, log logr.Logger, runOne func(context.Context) error) {
	delay := backoff.NewExponentialBackOff()
	delay.InitialInterval = time.Second
	delay.MaxInterval = 30 * time.Second
	for {
		began := time.Now()
		err := runOne(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > settled {
			delay.Reset()
		}
		wait := delay.NextBackOff()
		log.Error(err, "The controllers have ended and are started again; credits are decided meanwhile",
			"in", wait.Round(time.Millisecond).String())
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}
