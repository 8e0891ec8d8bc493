package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"

	"github.com/referral-operator/referral-operator/internal/explain"
	"github.com/referral-operator/referral-operator/internal/tracker/facts"
)

// person is a user in a path. A slash in the id is written %2F.
type person struct {
	ID string `path:"id" minLength:"1" maxLength:"255" doc:"The application's pseudonym of the user."`
}

// page is the requested part of a list.
type page struct {
	ID     string `path:"id" minLength:"1" maxLength:"255" doc:"The application's pseudonym of the user."`
	Cursor string `query:"cursor" maxLength:"8192" doc:"next_cursor of the page before; left out: the first page."`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Most items in the answer. A page of long items ends earlier, after some 512 KiB: it is the last only if it has no next_cursor."`
}

type balances struct {
	BeneficiaryID string    `json:"beneficiary_id" doc:"The application's pseudonym of the user."`
	Balances      []balance `json:"balances" nullable:"false" doc:"By currency; none for a user without credit so far."`
}

type balance struct {
	Currency  string `json:"currency" doc:"ISO 4217."`
	Available units  `json:"available" doc:"Minor units that may be redeemed; below zero after a reversal of credit that was already redeemed."`
	Held      units  `json:"held" doc:"Minor units that are granted when their hold ends."`
}

type credits struct {
	Credits    []Credit `json:"credits" nullable:"false" doc:"By referee, purchase and reward."`
	NextCursor string   `json:"next_cursor,omitempty" doc:"Where the next page begins; left out: this is the last."`
}

type linkList struct {
	Links      []followedLink `json:"links" nullable:"false" doc:"By code."`
	NextCursor string         `json:"next_cursor,omitempty" doc:"Where the next page begins; left out: this is the last."`
}

func (a *api) registerReads() {
	get(a, operation{
		path: "/v1/referrers/{id}/links", id: "list-links", tag: "Links", summary: "A referrer's links, with their touches and actions",
	}, a.links)
	get(a, operation{
		path: "/v1/referrers/{id}/balance", id: "read-balance", tag: "Credit", summary: "A user's balances",
	}, a.balance)
	get(a, operation{
		path: "/v1/referrers/{id}/credits", id: "list-credits", tag: "Credit", summary: "A user's credits, pair by pair",
		description: "As a referrer: the pairs of the users whose signups are attributed to this user's links now, with state and reason, " +
			"including waiting and reversed pairs. After a deletion of a campaign with Reverse its reversed pairs are not listed any more, " +
			"unless the signup is attributed to another link of this user. As a referee: what the user's own pairs earn now.",
	}, a.credits)
	nullable(a.huma.OpenAPI().Components.Schemas, reflect.TypeFor[explain.Explanation](), "attribution")
	get(a, operation{
		path: "/v1/users/{id}/explanation", id: "explain-user", tag: "Credit", summary: "Why a user's purchases earn what they earn, or nothing",
		description: "A user with too many purchases to be explained at once, or who cannot be decided and is set aside, is answered with 422.",
	}, a.explain)
	a.registerErasure()
}

func (a *api) explain(ctx context.Context, in *person) (explain.Explanation, error) {
	if err := charge(ctx, a.reads, explanationBytes); err != nil {
		return explain.Explanation{}, err
	}
	explanation, err := a.Explain(ctx, in.ID)
	switch {
	case errors.Is(err, explain.ErrTooLarge):
		err = problem(http.StatusUnprocessableEntity, "the user has too many purchases to be explained at once")
	case errors.Is(err, explain.ErrUndecidable):
		err = problem(http.StatusUnprocessableEntity, "the user cannot be decided: the table set_aside says why")
	}
	return explanation, err
}

func (a *api) balance(ctx context.Context, in *person) (balances, error) {
	all, err := a.Store.Balances(ctx, in.ID)
	out := balances{BeneficiaryID: in.ID, Balances: make([]balance, len(all))}
	for i, b := range all {
		out.Balances[i] = balance{Currency: b.Currency, Available: units(b.Available), Held: units(b.Held)}
	}
	return out, err
}

func (a *api) credits(ctx context.Context, in *page) (credits, error) {
	var after facts.CreditKey
	if err := in.after(&after); err != nil {
		return credits{}, err
	}
	if err := charge(ctx, a.reads, pageBytes); err != nil {
		return credits{}, err
	}
	all, more, err := a.Store.Credits(ctx, in.ID, after, in.Limit)
	if err != nil {
		return credits{}, err
	}
	out := credits{Credits: []Credit{}}
	for _, c := range all {
		out.Credits = append(out.Credits, Credit(c))
	}
	if more {
		last := all[len(all)-1]
		out.NextCursor = cursor(facts.CreditKey{UserID: last.UserID, PurchaseID: last.PurchaseID, Reward: last.Reward})
	}
	return out, nil
}

func (a *api) links(ctx context.Context, in *page) (linkList, error) {
	var after string
	if err := in.after(&after); err != nil {
		return linkList{}, err
	}
	if err := charge(ctx, a.reads, pageBytes); err != nil {
		return linkList{}, err
	}
	all, more, err := a.Store.Links(ctx, in.ID, after, in.Limit)
	if err != nil {
		return linkList{}, err
	}
	out := linkList{Links: []followedLink{}}
	for _, l := range all {
		out.Links = append(out.Links, followedLink{RecordedLink: a.recordedLink(&l.StoredLink), Touches: l.Touches, Actions: l.Actions})
	}
	if more {
		out.NextCursor = cursor(all[len(all)-1].Code)
	}
	return out, nil
}

// cursor is a position in a list, which the client sends back.
func cursor(place any) string {
	text, err := json.Marshal(place)
	if err != nil {
		panic(err) // it holds strings only
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// after reads the position after which the page begins.
func (p *page) after(place any) error {
	if p.Cursor == "" {
		return nil
	}
	text, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	if err == nil {
		_, wrong := parse(text, "query.cursor")
		if err = json.Unmarshal(text, place); err == nil && wrong == nil {
			return nil
		}
	}
	return refused(detail("query.cursor", "must be a next_cursor of this list"))
}
