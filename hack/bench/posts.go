package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const clerks = 32 // connections that record facts

// facts are purchases recorded a second by POST /v1/purchases on 32 connections, over single
// inserts on as many connections to the database.
func facts(ctx context.Context, w *world) (all []series, err error) {
	s, err := w.newShop(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.drop(ctx)) }()
	tracker, err := s.startTracker(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, tracker.stop()) }()
	config, err := pgxpool.ParseConfig(s.own.WriterURI)
	if err != nil {
		return nil, errors.New("the writer's URI cannot be parsed")
	}
	config.MaxConns = clerks
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	defer pool.Close()

	period := time.Duration(w.scale * float64(5*time.Second))
	side := func(name string, record func(context.Context, time.Duration) (float64, error)) side {
		return side{name, func(ctx context.Context) (float64, error) {
			if _, err := s.db.Exec(ctx, "TRUNCATE referral.purchase, referral.change"); err != nil {
				return 0, err
			}
			if err := w.checkpoint(ctx); err != nil {
				return 0, err
			}
			before := w.processorTime()
			rate, err := record(ctx, period)
			w.detail("%s: %.0f purchases/s, with %s", name, rate, w.processorTime().since(before))
			return rate, errors.Join(err, s.enqueued(ctx, true))
		}}
	}
	ratios, err := w.compare(ctx, "purchases/s", side("POST", tracker.post), side("plain insert",
		func(ctx context.Context, period time.Duration) (float64, error) {
			return insert(ctx, pool, clerks, period)
		}))
	return []series{ratios}, err
}

// post records purchases over HTTP.
func (s *server) post(ctx context.Context, period time.Duration) (float64, error) {
	return load{
		address: s.address, connections: clerks, period: period, status: "201",
		request: func(_ *client, number, n int, to []byte) []byte {
			id := strconv.Itoa(number) + "-" + strconv.Itoa(n)
			body := `{"user_id":"u` + id + `","purchase_id":"o` + id + `","amount":2500,"currency":"USD"}`
			return fmt.Appendf(to, "POST /v1/purchases HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"+
				"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", s.address, apiToken, len(body), body)
		},
	}.send(ctx)
}
