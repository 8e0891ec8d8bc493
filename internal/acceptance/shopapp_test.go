package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net"
	"net/http"
	"testing"
)

// shopApp is a small shop. It identifies its users by its own cookie, and sends facts to the
// tracker over HTTP.
type shopApp struct {
	testing.TB
	site    string
	tracker string
	token   string
	cookies []string         // names of the visitor's cookie, the current one first
	seen    chan http.Header // of requests for pages
}

func (s *shopApp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user := r.FormValue("user")
	switch r.Method + " " + r.URL.Path {
	case "POST /login":
		http.SetCookie(w, &http.Cookie{Name: "user", Value: user, Path: "/", Secure: true, HttpOnly: true})
		s.page(w, "welcome, "+user)
	case "POST /share":
		s.share(w, loggedIn(r))
	case "POST /signup":
		s.signUp(w, r, user)
	case "POST /buy":
		s.buy(w, loggedIn(r), r.FormValue("order"))
	case "GET /account":
		s.account(w, loggedIn(r))
	default:
		select {
		case s.seen <- r.Header.Clone():
		default:
		}
		s.page(w, "the shop, for visitor "+r.Header.Get("X-Referral-Visitor")+" of code "+r.Header.Get("X-Referral-Code"))
	}
}

// page answers with a text and the forms that a visitor needs.
func (s *shopApp) page(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, `<!doctype html><title>shop</title><link rel="icon" href="data:,"><p id="said">%s</p>
<form id="signup" method="post" action="/signup"><input name="user"></form>
<form id="buy" method="post" action="/buy"><input name="order"></form>`, html.EscapeString(text))
}

func loggedIn(r *http.Request) string {
	cookie, err := r.Cookie("user")
	if err != nil {
		return ""
	}
	return cookie.Value
}

func (s *shopApp) share(w http.ResponseWriter, user string) {
	link := struct{ URL string }{}
	s.call(http.MethodPost, "/v1/links", map[string]any{
		"referrer_id": user, "campaign": "invite-friends", "label": "invite-friends", "destination": s.site + "/",
	}, &link)
	s.page(w, link.URL)
}

// signUp records a signup with the token of the visitor's cookie, if there is one.
func (s *shopApp) signUp(w http.ResponseWriter, r *http.Request, user string) {
	signup := map[string]any{"user_id": user}
	for _, name := range s.cookies {
		if cookie, err := r.Cookie(name); err == nil {
			signup["visitor"] = cookie.Value
			break
		}
	}
	s.call(http.MethodPost, "/v1/signups", signup, nil)
	http.SetCookie(w, &http.Cookie{Name: "user", Value: user, Path: "/", Secure: true, HttpOnly: true})
	s.page(w, "welcome, "+user)
}

func (s *shopApp) buy(w http.ResponseWriter, user, order string) {
	s.call(http.MethodPost, "/v1/purchases", map[string]any{
		"user_id": user, "purchase_id": order, "amount": 2500, "currency": "USD",
	}, nil)
	s.page(w, "thank you")
}

func (s *shopApp) account(w http.ResponseWriter, user string) {
	var account struct {
		Balances []struct {
			Currency  string
			Available int64
		}
	}
	s.call(http.MethodGet, "/v1/referrers/"+user+"/balance", nil, &account)
	text := "nothing"
	if len(account.Balances) == 1 {
		text = fmt.Sprintf("%d.%02d %s", account.Balances[0].Available/100, account.Balances[0].Available%100, account.Balances[0].Currency)
	}
	s.page(w, text)
}

// call sends a request to the tracker and decodes the answer.
func (s *shopApp) call(method, path string, body, answer any) {
	var content []byte
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			s.Error(err)
			return
		}
	}
	request, err := http.NewRequestWithContext(context.Background(), method, s.tracker+path, bytes.NewReader(content))
	if err != nil {
		s.Error(err)
		return
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.Error(err)
		return
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusBadRequest {
		var problem json.RawMessage
		_ = json.NewDecoder(response.Body).Decode(&problem)
		s.Errorf("%s %s: status %d, %s", method, path, response.StatusCode, problem)
		return
	}
	if answer == nil {
		answer = new(any)
	}
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		s.Errorf("%s %s: %v", method, path, err)
	}
}

// loopbackDial resolves every name to this machine.
func loopbackDial(dialer *net.Dialer, port string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	}
}
