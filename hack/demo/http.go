package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
)

// shortToken is how much of a visitor's token is shown.
const shortToken = 15

// post sends a fact to the tracker as the shop does, shows request and answer, and waits until the
// operator has decided what the fact changes.
func (w *world) post(ctx context.Context, path, body string, answer any) error {
	if err := w.call(ctx, http.MethodPost, path, body, answer); err != nil {
		return err
	}
	return w.shop.awaitDecisions(ctx)
}

// call sends a request to the tracker as the shop does, and shows request and answer.
func (w *world) call(ctx context.Context, method, path, body string, answer any) error {
	request, err := http.NewRequestWithContext(ctx, method, w.tracker.url+path, strings.NewReader(body))
	if err != nil {
		return fmt.Errorf("while preparing %s %s: %w", method, path, err)
	}
	request.Header.Set("Authorization", "Bearer "+w.tracker.token)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	w.screen.command("shop:", strings.TrimSpace(method+" "+path+"\n"+w.visitor.shorten(body)))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("while sending %s %s: %w", method, path, err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("while reading the answer to %s %s: %w", method, path, err)
	}
	w.screen.output(response.Status + "\n" + string(content))
	if response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s %s was answered with %s", method, path, response.Status)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(content, answer); err != nil {
		return fmt.Errorf("while reading the answer to %s %s: %w", method, path, err)
	}
	return nil
}

// visitor is a browser without pages: it follows a link and keeps the cookie.
type visitor struct {
	client *http.Client
	token  string // the value of the tracker's cookie; empty before the first visit
}

func newVisitor() (*visitor, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, fmt.Errorf("while making a cookie jar: %w", err)
	}
	return &visitor{client: &http.Client{
		Jar: jar,
		// The shop's page does not exist here.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// follow opens a link and shows what the tracker answers.
func (w *world) follow(ctx context.Context, link string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return fmt.Errorf("while preparing to follow %s: %w", link, err)
	}
	w.screen.command("visitor:", "GET "+link)
	response, err := w.visitor.client.Do(request)
	if err != nil {
		return fmt.Errorf("while following %s: %w", link, err)
	}
	defer response.Body.Close()
	for _, cookie := range w.visitor.client.Jar.Cookies(request.URL) {
		w.visitor.token = cookie.Value
	}
	w.screen.output(response.Status)
	for _, name := range []string{"Location", "Set-Cookie"} {
		w.screen.output(name + ": " + w.visitor.shorten(response.Header.Get(name)))
	}
	switch {
	case response.StatusCode != http.StatusFound:
		return fmt.Errorf("the link %s was answered with %s", link, response.Status)
	case w.visitor.token == "":
		return errors.New("the tracker has set no cookie")
	}
	return nil
}

// shorten replaces the visitor's token in a text by its beginning.
func (v *visitor) shorten(text string) string {
	if v == nil || len(v.token) <= shortToken {
		return text
	}
	return strings.ReplaceAll(text, v.token, v.token[:shortToken]+"…")
}
