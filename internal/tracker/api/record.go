package api

import (
	"context"
	"strings"

	"github.com/referral-operator/referral-operator/internal/tracker/facts"
	"github.com/referral-operator/referral-operator/internal/tracker/links"
	"github.com/referral-operator/referral-operator/internal/tracker/touches"
)

// Signup is a signup as it is posted: with a visitor where the row has an id.
type Signup struct {
	facts.Signup
	VisitorID *struct{} `json:"-"` // hides the row's
	Visitor   *string   `json:"visitor,omitempty" doc:"The visitor that became this user: the token in the tracker's cookie, as it is, or a visitor's id. A token that is not to be believed is left out, with a warning."`
}

// recordedSignup is a signup as it is stored, and what was left out of it.
type recordedSignup struct {
	facts.StoredSignup
	Warnings []string `json:"warnings,omitempty" doc:"What was left out, and why."`
}

// Action is an action as it is posted.
type Action struct {
	facts.Action
	VisitorID *struct{} `json:"-"` // hides the row's
	Visitor   *string   `json:"visitor,omitempty" doc:"The visitor: the token in the tracker's cookie, as it is, or a visitor's id. Left out where only the user is known."`
}

// recordedAction is an action as it is stored, and what was left out of it.
type recordedAction struct {
	facts.Action
	Warnings []string `json:"warnings,omitempty" doc:"What was left out, and why."`
}

func (a *api) registerFacts() {
	a.registerLinks()
	post(a, operation{
		path: "/v1/signups", id: "record-signup", tag: "Facts", summary: "A user signed up",
		description: "With the visitor's token it is attributed even where the tracker never wrote the visitor's touches.",
	}, a.signUp)
	post(a, operation{
		path: "/v1/purchases", id: "record-purchase", tag: "Facts", summary: "A user bought something",
		description: "It may arrive before the signup.",
	}, func(ctx context.Context, p *facts.Purchase) (facts.StoredPurchase, bool, error) {
		outcome, err := a.Store.Purchase(ctx, p)
		return outcome.Stored, outcome.Created, err
	})
	post(a, operation{
		path: "/v1/refunds", id: "record-refund", tag: "Facts", summary: "Part or all of a purchase was given back",
		description: "It may arrive before the purchase.",
	}, func(ctx context.Context, r *facts.Refund) (facts.Refund, bool, error) {
		outcome, err := a.Store.Refund(ctx, r)
		return outcome.Stored, outcome.Created, err
	})
	post(a, operation{
		path: "/v1/actions", id: "record-action", tag: "Facts", summary: "A visitor or user did something else worth remembering",
		description: "It is counted for the link that led to it. Without action_id and acted_at, the same action on the same target is remembered once.",
	}, a.act)
	a.registerRedemptions()
}

func (a *api) signUp(ctx context.Context, given *Signup) (recordedSignup, bool, error) {
	signup, warning := a.signupOf(given)
	outcome, err := a.Store.SignUp(ctx, signup)
	return recordedSignup{StoredSignup: outcome.Stored, Warnings: warnings(warning)}, outcome.Created, err
}

func (a *api) signupOf(given *Signup) (signup *facts.Signup, warning string) {
	who := a.visitor(given.Visitor)
	signup = &given.Signup
	signup.VisitorID, signup.Touches = who.id, touches.Of(who.token)
	signup.Code = code(signup.Code)
	return signup, who.warning
}

func (a *api) act(ctx context.Context, given *Action) (recordedAction, bool, error) {
	action, warning, err := a.actionOf(given, "body")
	if err != nil {
		return recordedAction{}, false, err
	}
	outcome, err := a.Store.Action(ctx, action)
	return recordedAction{Action: outcome.Stored, Warnings: warnings(warning)}, outcome.Created, err
}

func (a *api) actionOf(given *Action, at string) (action *facts.Action, warning string, err error) {
	who := a.visitor(given.Visitor)
	action = &given.Action
	action.VisitorID, action.Followed, action.Code = who.id, who.token.Last.Code, code(action.Code)
	if action.UserID == nil && action.VisitorID == nil {
		message := "is needed where no user_id is given"
		if who.warning != "" {
			message += "; " + who.warning
		}
		return nil, "", refused(detail(at+".visitor", message))
	}
	return action, who.warning, nil
}

// code is a code as it was given, which the database reads; nil where it is blank.
func code(given *string) *string {
	if given == nil {
		return nil
	}
	text := strings.ToValidUTF8(*given, "")
	if links.Trim(text) == "" {
		return nil
	}
	return &text
}
