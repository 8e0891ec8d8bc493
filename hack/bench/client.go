package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// client is one connection that sends requests one after the other, and reads as little of each
// answer as possible: net/http's client would use as much processor time as the measured server.
type client struct {
	connection net.Conn
	reader     *bufio.Reader
	cookie     []byte // the last one that was set, name=value; nil: none was
}

// request writes the n-th request of a client.
type request func(c *client, number, n int, to []byte) []byte

// load says which requests are sent, and how.
type load struct {
	address     string
	connections int
	period      time.Duration
	perSecond   float64 // requests; 0: as many as are answered
	request     request
	status      string // that every answer has to have
}

// send sends requests for the period and returns the answers per second.
func (l load) send(ctx context.Context) (float64, error) {
	var answered atomic.Int64
	began := time.Now()
	all, asking := errgroup.WithContext(ctx)
	for number := range l.connections {
		all.Go(func() error {
			c, err := dial(asking, l.address)
			if err != nil {
				return err
			}
			defer func() { _ = c.connection.Close() }()
			var text []byte
			for n := 0; asking.Err() == nil && time.Since(began) < l.period; n++ {
				l.pace(began, n)
				text = l.request(c, number, n, text[:0])
				if err := c.ask(text, l.status); err != nil {
					return err
				}
				answered.Add(1)
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		return 0, fmt.Errorf("while sending requests to %s: %w", l.address, err)
	}
	return float64(answered.Load()) / time.Since(began).Seconds(), nil
}

// pace waits until a client's n-th request is due.
func (l load) pace(began time.Time, n int) {
	if l.perSecond > 0 {
		due := time.Duration(float64(n) * float64(l.connections) / l.perSecond * float64(time.Second))
		time.Sleep(time.Until(began.Add(due)))
	}
}

func dial(ctx context.Context, address string) (*client, error) {
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &client{connection: connection, reader: bufio.NewReader(connection)}, nil
}

// ask sends a request and reads the answer, which must have a Content-Length.
func (c *client) ask(text []byte, status string) error {
	const patience = 30 * time.Second
	if err := c.connection.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := c.connection.Write(text); err != nil {
		return err
	}
	first, err := c.reader.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(first, []byte("HTTP/1.1 "+status)) {
		return fmt.Errorf("an answer is %q instead of %s", bytes.TrimSpace(first), status)
	}
	length := -1
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return err
			}
		}
		if value, ok := bytes.CutPrefix(line, []byte("Set-Cookie: ")); ok {
			value, _, _ = bytes.Cut(value, []byte(";"))
			c.cookie = append(c.cookie[:0], value...)
		}
	}
	if length < 0 {
		return errors.New("an answer does not say how long it is")
	}
	_, err = c.reader.Discard(length)
	return err
}
