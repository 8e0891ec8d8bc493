package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

const visitors = 64 // connections at a time

// redirects are links followed a second, four times in five by new visitors, over the same requests
// to a handler that redirects and does nothing else. The tracker's touches are written to the
// database meanwhile.
func redirects(ctx context.Context, w *world) (all []series, err error) {
	s, err := w.newShop(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.drop(ctx)) }()
	if err := s.invite(ctx); err != nil {
		return nil, err
	}
	null, err := startServer(ctx, "./hack/bench/nullhandler", func(address string) testworld.ProcessOptions {
		return testworld.ProcessOptions{Args: []string{address}}
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, null.Kill()) }()
	tracker, err := s.startTracker(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, tracker.stop()) }()

	side := func(name string, of *server) side {
		return side{name, func(ctx context.Context) (float64, error) {
			before := w.processorTime()
			rate, err := of.follow(ctx, time.Duration(w.scale*float64(5*time.Second)), 0)
			w.detail("%s: %.0f requests/s, with %s", name, rate, w.processorTime().since(before))
			return rate, err
		}}
	}
	ratios, err := w.compare(ctx, "requests/s", side("tracker", tracker), side("null handler", null))
	return []series{ratios}, errors.Join(err, tracker.touched(ctx, w))
}

// follow follows links for as long as period; perSecond 0 is as fast as they are answered.
func (s *server) follow(ctx context.Context, period time.Duration, perSecond float64) (float64, error) {
	return load{
		address: s.address, connections: visitors, period: period, perSecond: perSecond, status: "302",
		request: func(c *client, number, n int, to []byte) []byte {
			to = append(to, "GET /r/c"...)
			to = strconv.AppendInt(to, int64(1+(number*977+n)%links), 10)
			to = append(to, " HTTP/1.1\r\nHost: "...)
			to = append(to, s.address...)
			const comesBack = 5 // every so many
			if n%comesBack == 1 && c.cookie != nil {
				to = append(to, "\r\nCookie: "...)
				to = append(to, c.cookie...)
			}
			// Of many clients: the touches of one are limited.
			to = append(to, "\r\nX-Forwarded-For: 198."...)
			to = strconv.AppendInt(to, int64(number), 10)
			to = append(to, '.')
			to = strconv.AppendInt(to, int64(n/250%250), 10)
			to = append(to, '.')
			to = strconv.AppendInt(to, int64(n%250), 10)
			return append(to, "\r\nReferer: https://forum.example/\r\n\r\n"...)
		},
	}.send(ctx)
}

// touched reports what became of the visitors' touches. It returns an error if the tracker wrote
// none, or if a limit of floods kept more than a tenth from its queue: they would cost nothing.
func (s *server) touched(ctx context.Context, w *world) (err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+"/metrics", http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	var queued, shed, throttled, written float64
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		_, _ = fmt.Sscanf(lines.Text(), `referral_tracker_arrivals_total{result="touched"} %g`, &queued)
		_, _ = fmt.Sscanf(lines.Text(), `referral_tracker_arrivals_total{result="shed"} %g`, &shed)
		_, _ = fmt.Sscanf(lines.Text(), `referral_tracker_arrivals_total{result="throttled"} %g`, &throttled)
		_, _ = fmt.Sscanf(lines.Text(), "referral_tracker_touches_written_total %g", &written)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("while reading the metrics of the tracker: %w", err)
	}
	all := queued + shed + throttled
	w.say("%.0f touches: %.0f queued, of which %.0f are written so far, and %.0f shed because the queue was full", all, queued, written, shed)
	if written == 0 || throttled > all/10 {
		return fmt.Errorf("the tracker wrote %.0f of %.0f touches, and its limits kept %.0f from the queue", written, all, throttled)
	}
	return nil
}

// trackerMemory is the peak resident memory of the tracker while 10,000 links a second were
// followed, or as many as the machine gives.
func trackerMemory(ctx context.Context, w *world) (all []series, err error) {
	const perSecond = 10_000
	s, err := w.newShop(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.drop(ctx)) }()
	if err := s.invite(ctx); err != nil {
		return nil, err
	}
	tracker, err := s.startTracker(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, tracker.stop()) }()
	rate, err := tracker.follow(ctx, max(5*time.Second, time.Duration(w.scale*float64(20*time.Second))), perSecond)
	if err != nil {
		return nil, err
	}
	w.say("%.0f redirects/s", rate)
	if err := tracker.touched(ctx, w); err != nil {
		return nil, err
	}
	peak, err := tracker.PeakMemory()
	return []series{{peak}}, err
}
