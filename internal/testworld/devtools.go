package testworld

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// devTools speaks the DevTools protocol over a pair of pipes: messages of JSON, each with a zero
// byte behind it.
type devTools struct {
	send io.Writer

	mu      sync.Mutex
	last    int
	replies map[int]chan devToolsMessage
	events  map[string]chan struct{} // by method; closed at the next one
	ended   chan struct{}
}

type devToolsMessage struct {
	ID      int             `json:"id,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  any             `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

func newDevTools(send io.Writer, receive io.Reader) *devTools {
	d := &devTools{
		send: send, replies: map[int]chan devToolsMessage{}, events: map[string]chan struct{}{}, ended: make(chan struct{}),
	}
	go d.read(receive)
	return d
}

func (d *devTools) read(receive io.Reader) {
	defer close(d.ended)
	reader := bufio.NewReader(receive)
	for {
		content, err := reader.ReadBytes(0)
		if err != nil {
			return
		}
		var message devToolsMessage
		if err := json.Unmarshal(bytes.TrimSuffix(content, []byte{0}), &message); err != nil {
			return
		}
		d.mu.Lock()
		if reply, ok := d.replies[message.ID]; ok {
			reply <- message
			delete(d.replies, message.ID)
		} else if event, ok := d.events[message.Method]; ok {
			close(event)
			delete(d.events, message.Method)
		}
		d.mu.Unlock()
	}
}

// next returns a channel that is closed at the next event of this kind.
func (d *devTools) next(event string) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.events[event]; !ok {
		d.events[event] = make(chan struct{})
	}
	return d.events[event]
}

// call sends a command and decodes its result into result, unless that is nil.
func (d *devTools) call(ctx context.Context, session, method string, params, result any) error {
	reply := make(chan devToolsMessage, 1)
	d.mu.Lock()
	d.last++
	id := d.last
	d.replies[id] = reply
	content, err := json.Marshal(devToolsMessage{ID: id, Session: session, Method: method, Params: params})
	if err == nil {
		_, err = d.send.Write(append(content, 0))
	}
	d.mu.Unlock()
	if err != nil {
		return fmt.Errorf("while asking the browser for %s: %w", method, err)
	}
	select {
	case message := <-reply:
		if message.Error != nil {
			return fmt.Errorf("while asking the browser for %s: %s", method, message.Error.Message)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(message.Result, result)
	case <-d.ended:
		return errors.New("the browser has ended")
	case <-ctx.Done():
		return fmt.Errorf("while waiting for the browser's %s: %w", method, ctx.Err())
	}
}
