package testworld

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// Cookie is one that the browser keeps, as the browser sees it.
type Cookie struct {
	Name     string `json:"name"`
	Value    string `json:"value"`
	Domain   string `json:"domain"`
	Path     string `json:"path"`
	HTTPOnly bool   `json:"httpOnly"`
	Secure   bool   `json:"secure"`
	SameSite string `json:"sameSite"`
}

// Open goes to an address, redirects included, and returns when the page is loaded.
func (b *Browser) Open(ctx context.Context, address string) error {
	loaded := b.tools.next("Page.loadEventFired")
	var navigated struct {
		Error string `json:"errorText"`
	}
	if err := b.tools.call(ctx, b.session, "Page.navigate", map[string]any{"url": address}, &navigated); err != nil {
		return err
	}
	if navigated.Error != "" {
		return fmt.Errorf("while opening %s: %s", address, navigated.Error)
	}
	return b.await(ctx, loaded)
}

// Do evaluates JavaScript that leads to another page, such as a click, and returns when that is
// loaded.
func (b *Browser) Do(ctx context.Context, script string) error {
	loaded := b.tools.next("Page.loadEventFired")
	if err := b.Evaluate(ctx, script, nil); err != nil {
		return err
	}
	return b.await(ctx, loaded)
}

func (b *Browser) await(ctx context.Context, loaded <-chan struct{}) error {
	select {
	case <-loaded:
		return nil
	case <-b.tools.ended:
		return errors.New("the browser has ended")
	case <-ctx.Done():
		return fmt.Errorf("while waiting for a page: %w", ctx.Err())
	}
}

// Evaluate evaluates JavaScript in the page and decodes its value into result, unless that is nil.
func (b *Browser) Evaluate(ctx context.Context, script string, result any) error {
	var evaluated struct {
		Result struct {
			Value       json.RawMessage `json:"value"`
			Description string          `json:"description"`
		} `json:"result"`
		Exception json.RawMessage `json:"exceptionDetails"`
	}
	err := b.tools.call(ctx, b.session, "Runtime.evaluate",
		map[string]any{"expression": script, "returnByValue": true, "awaitPromise": true}, &evaluated)
	if err != nil {
		return err
	}
	if evaluated.Exception != nil {
		return fmt.Errorf("while evaluating %s: %s", script, evaluated.Result.Description)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(evaluated.Result.Value, result)
}

// Cookies returns the cookies that the browser would send with a request to the page.
func (b *Browser) Cookies(ctx context.Context) ([]Cookie, error) {
	var got struct {
		Cookies []Cookie `json:"cookies"`
	}
	err := b.tools.call(ctx, b.session, "Network.getCookies", nil, &got)
	return got.Cookies, err
}
