package api

import (
	"context"
	"strings"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/tracker/facts"
	"github.com/referral-operator/referral-operator/internal/tracker/links"
	"github.com/referral-operator/referral-operator/internal/tracker/touches"
)

func (a *api) registerFacts() {
	a.registerLinks()
	post(a, operation{
		path: "/v1/signups", id: "record-signup", tag: "Facts", summary: "A user signed up",
		description: "With the visitor's token, the signup is attributed even if the visitor's touches were never written.",
	}, a.signUp)
	post(a, operation{
		path: "/v1/purchases", id: "record-purchase", tag: "Facts", summary: "A user bought something",
		description: "It may arrive before the signup.",
	}, a.purchase)
	post(a, operation{
		path: "/v1/refunds", id: "record-refund", tag: "Facts", summary: "Part or all of a purchase was given back",
		description: "It may arrive before the purchase.",
	}, func(ctx context.Context, r *Refund) (Refund, bool, error) {
		outcome, err := a.Store.Refund(ctx, (*facts.Refund)(r))
		return Refund(outcome.Stored), outcome.Created, err
	})
	post(a, operation{
		path: "/v1/actions", id: "record-action", tag: "Facts", summary: "A visitor or user did something else",
		description: "It is counted for the link that led to it. Without action_id and acted_at, the same action on the same target is recorded once.",
	}, a.act)
	a.registerRedemptions()
}

func (a *api) signUp(ctx context.Context, given *Signup) (recordedSignup, bool, error) {
	signup, warning := a.signupOf(given)
	outcome, err := a.Store.SignUp(ctx, signup)
	if err == nil && outcome.Stored.Abridged {
		if err = a.chargeRepetition(ctx); err == nil {
			outcome.Stored, err = a.Store.WholeSignup(ctx, signup)
		}
	}
	said := warnings(warning)
	if outcome.LateVisitor {
		said = append(said, lateVisitor)
	}
	if outcome.TouchRefusal != nil {
		a.logRefusal(ctx, outcome.TouchRefusal)
		said = append(said, touchRefused)
	}
	return newRecordedSignup(&outcome.Stored, said), outcome.Created, err
}

const (
	// lateVisitor is the warning about a visitor that a stored signup does not accept any more.
	lateVisitor = "visitor was left out: the signup is attributed already"
	// touchRefused is the warning about a touch of a token that the database refuses.
	touchRefused = "a touch of the visitor was left out: the database refuses it"
)

// logRefusal logs why the database refuses a touch, at most once in logInterval.
func (a *api) logRefusal(ctx context.Context, reason error) {
	a.refusal.Do(func() {
		a.Log.WarnContext(ctx, "Recording signups without a touch that the database refuses", "error", postgres.Message(reason))
	})
}

func (a *api) signupOf(given *Signup) (signup *facts.Signup, warning string) {
	v := a.visitor(given.Visitor, given.VisitorID, given.SignedUpAt)
	return &facts.Signup{
		UserID: given.UserID, VisitorID: v.id, FromToken: v.token.VisitorID != "", Code: code(given.Code), SignedUpAt: given.SignedUpAt,
		Fingerprints: given.Fingerprints, Attributes: given.Attributes, Touches: touches.Of(v.token),
	}, v.warning
}

func (a *api) purchase(ctx context.Context, given *Purchase) (StoredPurchase, bool, error) {
	outcome, err := a.Store.Purchase(ctx, (*facts.Purchase)(given))
	if err == nil && outcome.Stored.Abridged {
		if err = a.chargeRepetition(ctx); err == nil {
			outcome.Stored, err = a.Store.WholePurchase(ctx, (*facts.Purchase)(given))
		}
	}
	return StoredPurchase{Purchase(outcome.Stored.Purchase), outcome.Stored.ArrivedAt}, outcome.Created, err
}

func (a *api) act(ctx context.Context, given *Action) (recordedAction, bool, error) {
	action, warning, err := a.actionOf(given, "body")
	if err != nil {
		return recordedAction{}, false, err
	}
	outcome, err := a.Store.Action(ctx, action)
	return newRecordedAction(&outcome.Stored, warnings(warning)), outcome.Created, err
}

func (a *api) actionOf(given *Action, at string) (action *facts.Action, warning string, err error) {
	v := a.visitor(given.Visitor, given.VisitorID, given.ActedAt)
	if given.UserID == nil && v.id == nil {
		message := "is required, or visitor_id, if there is no user_id"
		if v.warning != "" {
			message += "; " + v.warning
		}
		return nil, "", refused(detail(at+".visitor", message))
	}
	return &facts.Action{
		ActionID: given.ActionID, UserID: given.UserID, VisitorID: v.id, Code: code(given.Code),
		Action: given.Action, Target: given.Target, ActedAt: given.ActedAt, Followed: v.token.Last.Code,
	}, v.warning, nil
}

// code returns a code as it was given, since the database normalises it; nil if it is blank.
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
