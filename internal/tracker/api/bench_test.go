package api_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// connections is how many write at a time.
const connections = 32

// BenchmarkPurchases posts purchases over kept-alive connections, as a shop's workers do.
func BenchmarkPurchases(b *testing.B) {
	w := newWorld(b)
	server := &http.Server{Handler: w.handler}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	testworld.Must(b, err)
	go func() { _ = server.Serve(listener) }()
	b.Cleanup(func() { testworld.Must(b, server.Close()) })
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	inParallel(b, func(n int64) error {
		r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "http://"+listener.Addr().String()+purchases,
			strings.NewReader(fmt.Sprintf(`{"user_id": "u%d", "purchase_id": "o%d", "amount": 2500, "currency": "USD"}`, n%1000, n)))
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+secret)
		r.Header.Set("Content-Type", "application/json")
		answer, err := client.Do(r)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusCreated {
			return fmt.Errorf("%d %w", answer.StatusCode, err)
		}
		return nil
	})
}

// BenchmarkPlainInserts does without HTTP what a shop does that writes SQL.
func BenchmarkPlainInserts(b *testing.B) {
	w := newWorld(b)
	free := make(chan *pgx.Conn, connections)
	for range connections {
		connection, err := pgx.Connect(b.Context(), w.own.WriterURI)
		testworld.Must(b, err)
		free <- connection
	}
	inParallel(b, func(n int64) error {
		connection := <-free
		defer func() { free <- connection }()
		_, err := connection.Exec(b.Context(), "INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ($1, $2, 2500, 'USD')",
			fmt.Sprintf("u%d", n%1000), fmt.Sprintf("o%d", n))
		return err
	})
}

func inParallel(b *testing.B, do func(n int64) error) {
	b.Helper()
	var numbers atomic.Int64
	b.SetParallelism(connections / 2)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := do(numbers.Add(1)); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "facts/s")
}
