package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// attack does one thing to a tracker again and again, on so many connections at a time. Errors and
// refusals are expected.
type attack struct {
	name        string
	connections int
	prepare     func(context.Context, *shop) error
	once        func(ctx context.Context, at *server, number, n int)
}

// hostile returns a measurement of the tracker's peak resident memory under an attack, while
// visitors follow links, who must all be redirected.
func hostile(a attack) func(context.Context, *world) ([]series, error) {
	return func(ctx context.Context, w *world) (all []series, err error) {
		s, err := w.newShop(ctx)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, s.drop(ctx)) }()
		if err := s.invite(ctx); err != nil {
			return nil, err
		}
		if a.prepare != nil {
			if err := a.prepare(ctx, s); err != nil {
				return nil, err
			}
		}
		tracker, err := s.startTracker(ctx)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, tracker.stop()) }()
		period := max(5*time.Second, time.Duration(w.scale*float64(20*time.Second)))
		attacking, stop := context.WithTimeout(ctx, period)
		defer stop()
		var attackers errgroup.Group
		var times atomic.Int64
		for number := range a.connections {
			attackers.Go(func() error {
				for n := 0; attacking.Err() == nil; n++ {
					a.once(attacking, tracker, number, n)
					times.Add(1)
				}
				return nil
			})
		}
		const perSecond = 200
		rate, err := tracker.follow(ctx, period, perSecond)
		_ = attackers.Wait()
		if err != nil {
			return nil, fmt.Errorf("while visitors followed links: %w", err)
		}
		w.say("%d attacks (%s), %.0f redirects/s", times.Load(), a.name, rate)
		if err := tracker.touched(ctx, w); err != nil {
			return nil, err
		}
		peak, err := tracker.PeakMemory()
		return []series{{peak}}, err
	}
}

// send sends a text on a connection of its own, and reads until the tracker closes it or patience
// ends.
func send(ctx context.Context, to *server, text []byte, patience time.Duration) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", to.address)
	if err != nil {
		time.Sleep(time.Millisecond)
		return
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(text); err == nil {
		_, _ = io.Copy(io.Discard, c)
	}
}

var unfinishedHeader = append([]byte("GET /r/c1 HTTP/1.1\r\nHost: x\r\nCookie: a="), bytes.Repeat([]byte("x"), 248<<10)...)

// unfinishedHeaders are 800 connections with headers of 248 KiB that never end.
var unfinishedHeaders = attack{name: "unfinished headers", connections: 800, once: func(ctx context.Context, at *server, _, _ int) {
	send(ctx, at, unfinishedHeader, 4*time.Second)
}}

// unreadAnswers are 800 connections that request the API's description, many times in a row, and
// read no answer.
var unreadAnswers = attack{name: "unread answers", connections: 800, once: func(ctx context.Context, at *server, _, _ int) {
	if testworld.RequestUnread(ctx, at.address) != nil {
		time.Sleep(time.Millisecond)
	}
}}

// largeBatches are eight batches of 3.5 MB at a time.
var largeBatches = attack{name: "large batches", connections: 8, once: func(ctx context.Context, at *server, number, n int) {
	var body strings.Builder
	body.WriteString(`{"facts": [`)
	for i := range 1000 {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"kind": "purchase", "user_id": "u%d", "purchase_id": "%d-%d-%d", "amount": 1, "currency": "USD", "attributes": {"note": %q}}`,
			i, number, n, i, strings.Repeat("x", 3400))
	}
	body.WriteString(`]}`)
	call(ctx, at, http.MethodPost, "/v1/batch", body.String())
}}

// manyCodes requests unknown links of the longest codes, from many addresses and in many spellings.
var manyCodes = attack{name: "unknown codes", connections: 64, once: func(ctx context.Context, at *server, number, n int) {
	code := strings.Repeat("%C3%84", 200) + strconv.Itoa(number) + "-" + strconv.Itoa(n)
	send(ctx, at, fmt.Appendf(nil, "GET /r/%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-For: 198.%d.%d.%d\r\n\r\n",
		code, rand.IntN(250), rand.IntN(250), rand.IntN(250)), time.Second)
}}

// largeExplanations requests explanations of a user with thousands of purchases.
var largeExplanations = attack{
	name: "large explanations", connections: 16,
	prepare: func(ctx context.Context, s *shop) error {
		_, err := s.writer.Exec(ctx, `INSERT INTO referral.purchase (user_id, purchase_id, amount, currency)
			SELECT 'many', n::text, 1, 'USD' FROM generate_series(1, 4000) AS n`)
		return err
	},
	once: func(ctx context.Context, at *server, _, _ int) {
		call(ctx, at, http.MethodGet, "/v1/users/many/explanation", "")
	},
}

// call sends a request with the API token.
func call(ctx context.Context, to *server, method, path, body string) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+to.address+path, strings.NewReader(body))
	if err != nil {
		return
	}
	request.Header.Set("Authorization", "Bearer "+apiToken)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
}
