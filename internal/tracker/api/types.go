package api

import (
	"time"

	"github.com/referral-operator/referral-operator/internal/tracker/facts"
)

// The bodies of requests and answers. The OpenAPI document and the checks of a body follow from
// their tags, so these types are the contract with clients; those of package facts are free to
// change with the tables. A conversion such as facts.Purchase(*p) compiles only while the fields
// are the same.

// Link is the body of POST /v1/links.
type Link struct {
	Code        *string    `json:"code,omitempty" maxLength:"255" doc:"A chosen code. Left out: the referrer's link of this campaign, label and destination; created with a random code if there is none."`
	Campaign    string     `json:"campaign" minLength:"1" maxLength:"255" example:"invite-friends" doc:"Name of the campaign; may be declared later."`
	ReferrerID  string     `json:"referrer_id" minLength:"1" maxLength:"255" doc:"The referrer: the application's pseudonym."`
	Label       *string    `json:"label,omitempty" maxLength:"255" example:"share-item" doc:"Kind of link."`
	Destination *string    `json:"destination,omitempty" minLength:"1" maxLength:"2048" doc:"URL that the link leads to. Left out: the campaign's destination."`
	ExpiresAt   *time.Time `json:"expires_at,omitempty" doc:"From then on a touch of the link, or a signup that types its code, is attributed to nothing; earlier touches still count. Left out: it never expires."`
}

// RecordedLink is a link as it is stored, with its address.
type RecordedLink struct {
	Link
	CreatedAt  time.Time  `json:"created_at" doc:"When the link was created."`
	DisabledAt *time.Time `json:"disabled_at,omitempty" doc:"From then on a touch of the link, or a signup that types its code, is attributed to nothing; earlier touches still count. Left out: it is not disabled."`
	URL        string     `json:"url" format:"uri" doc:"The address to share."`
}

func (a *api) recordedLink(l *facts.StoredLink) RecordedLink {
	return RecordedLink{Link: Link(l.Link), CreatedAt: l.CreatedAt, DisabledAt: l.DisabledAt, URL: a.address(l.Code)}
}

// followedLink is a link in a list, with its touches and actions.
type followedLink struct {
	RecordedLink
	Touches int64            `json:"touches" doc:"How often the link was followed. Of the link's touches and actions that the operator has not added up yet, at most 10,000 are included."`
	Actions map[string]int64 `json:"actions" doc:"How often each action was counted for the link. Of a link with more than 100 different actions, the 100 most frequent."`
}

// Signup is the body of POST /v1/signups.
type Signup struct {
	UserID       string           `json:"user_id" minLength:"1" maxLength:"255" doc:"The application's pseudonym of the user."`
	Visitor      *string          `json:"visitor,omitempty" doc:"The visitor that became this user: the token in the tracker's cookie, unchanged. An invalid token is left out, with a warning."`
	VisitorID    *string          `json:"visitor_id,omitempty" maxLength:"255" doc:"The visitor's id, where the token is not at hand: what a gateway passes on as X-Referral-Visitor. A valid token has precedence."`
	Code         *string          `json:"code,omitempty" maxLength:"255" doc:"Code that the user typed in, in upper or lower case. A code of a link has precedence over all touches; any other text is ignored."`
	SignedUpAt   *time.Time       `json:"signed_up_at,omitempty" doc:"When the user signed up. Left out: now."`
	Fingerprints []string         `json:"fingerprints,omitempty" maxItems:"64" minLength:"1" maxLength:"255" doc:"Keyed hashes of device, card or address; one shared with the referrer is self-referral."`
	Attributes   facts.Attributes `json:"attributes,omitempty" doc:"Anything else about the signup, for conditions of a policy."`
}

// recordedSignup is a signup as it is stored, with warnings about left out values.
type recordedSignup struct {
	UserID       string           `json:"user_id" minLength:"1" maxLength:"255" doc:"The application's pseudonym of the user."`
	VisitorID    *string          `json:"visitor_id,omitempty" maxLength:"255" doc:"The visitor that became this user."`
	Code         *string          `json:"code,omitempty" maxLength:"255" doc:"Code that the user typed in."`
	SignedUpAt   *time.Time       `json:"signed_up_at,omitempty" doc:"When the user signed up."`
	Fingerprints []string         `json:"fingerprints,omitempty" maxItems:"64" minLength:"1" maxLength:"255" doc:"Keyed hashes of device, card or address."`
	Attributes   facts.Attributes `json:"attributes,omitempty" doc:"Anything else about the signup."`
	ArrivedAt    time.Time        `json:"arrived_at" doc:"When the signup arrived, by the database's clock."`
	Warnings     []string         `json:"warnings,omitempty" doc:"Values that were left out, and why."`
}

func newRecordedSignup(s *facts.StoredSignup, warnings []string) recordedSignup {
	return recordedSignup{
		UserID: s.UserID, VisitorID: s.VisitorID, Code: s.Code, SignedUpAt: s.SignedUpAt,
		Fingerprints: s.Fingerprints, Attributes: s.Attributes, ArrivedAt: s.ArrivedAt, Warnings: warnings,
	}
}

// Purchase is the body of POST /v1/purchases.
type Purchase struct {
	UserID      string           `json:"user_id" minLength:"1" maxLength:"255" doc:"The user that bought: the application's pseudonym. The signup may arrive later."`
	PurchaseID  string           `json:"purchase_id" minLength:"1" maxLength:"255" doc:"The application's order number."`
	Amount      int64            `json:"amount" minimum:"0" example:"2500" doc:"Minor units of the currency, before refunds. 0 is recorded, and never counts (BelowMinimum)."`
	Currency    string           `json:"currency" pattern:"^[A-Z]{3}$" example:"USD" doc:"ISO 4217, three capital letters."`
	PurchasedAt *time.Time       `json:"purchased_at,omitempty" doc:"When the purchase was made; a hold counts from here. Left out: now."`
	Attributes  facts.Attributes `json:"attributes,omitempty" doc:"Anything else about the purchase, for conditions of a policy."`
}

// StoredPurchase is a purchase as it is stored.
type StoredPurchase struct {
	Purchase
	ArrivedAt time.Time `json:"arrived_at" doc:"When the purchase arrived, by the database's clock."`
}

// Refund is the body of POST /v1/refunds, and a refund as it is stored.
type Refund struct {
	UserID     string     `json:"user_id" minLength:"1" maxLength:"255" doc:"The user that bought."`
	PurchaseID string     `json:"purchase_id" minLength:"1" maxLength:"255" doc:"The refunded purchase; it may arrive later."`
	RefundID   string     `json:"refund_id" minLength:"1" maxLength:"255" doc:"The application's number of the refund."`
	Amount     int64      `json:"amount" minimum:"1" example:"2500" doc:"Minor units of the purchase's currency, above zero."`
	RefundedAt *time.Time `json:"refunded_at,omitempty" doc:"When the money was given back. Left out: now."`
}

// Action is the body of POST /v1/actions.
type Action struct {
	ActionID  *string    `json:"action_id,omitempty" minLength:"1" maxLength:"255" doc:"Identifies the action. Left out: derived from code, action, target and acted_at, so that a repetition with the same values is the same action of that user or, without a user_id, of that visitor."`
	UserID    *string    `json:"user_id,omitempty" minLength:"1" maxLength:"255" doc:"The user; left out where none is known."`
	Visitor   *string    `json:"visitor,omitempty" doc:"The visitor: the token in the tracker's cookie, unchanged. Left out where only the user is known. An invalid token is left out, with a warning; without a user_id or visitor_id the action is then refused, and so is a batch that contains it."`
	VisitorID *string    `json:"visitor_id,omitempty" maxLength:"255" doc:"The visitor's id, where the token is not at hand: what a gateway passes on as X-Referral-Visitor. A valid token has precedence."`
	Code      *string    `json:"code,omitempty" maxLength:"255" doc:"Code of the link that the action is counted for. Left out: the link that the user's signup is attributed to, else the one the visitor followed last."`
	Action    string     `json:"action" minLength:"1" maxLength:"255" example:"view" doc:"What was done."`
	Target    *string    `json:"target,omitempty" maxLength:"2048" doc:"What it was done to, in the application's words."`
	ActedAt   *time.Time `json:"acted_at,omitempty" doc:"When it was done. Left out: now."`
}

// recordedAction is an action as it is stored, with warnings about left out values.
type recordedAction struct {
	ActionID  *string    `json:"action_id,omitempty" minLength:"1" maxLength:"255" doc:"Identifies the action."`
	UserID    *string    `json:"user_id,omitempty" minLength:"1" maxLength:"255" doc:"The user; left out where none is known."`
	VisitorID *string    `json:"visitor_id,omitempty" minLength:"1" maxLength:"255" doc:"The visitor; left out where none is known."`
	Code      *string    `json:"code,omitempty" maxLength:"255" doc:"Code of the link that the action is counted for."`
	Action    string     `json:"action" minLength:"1" maxLength:"255" example:"view" doc:"What was done."`
	Target    *string    `json:"target,omitempty" maxLength:"2048" doc:"What it was done to, in the application's words."`
	ActedAt   *time.Time `json:"acted_at,omitempty" doc:"When it was done."`
	Warnings  []string   `json:"warnings,omitempty" doc:"Values that were left out, and why."`
}

func newRecordedAction(s *facts.Action, warnings []string) recordedAction {
	return recordedAction{
		ActionID: s.ActionID, UserID: s.UserID, VisitorID: s.VisitorID, Code: s.Code,
		Action: s.Action, Target: s.Target, ActedAt: s.ActedAt, Warnings: warnings,
	}
}

// Redemption is the body of POST /v1/redemptions, and a redemption as it is stored.
type Redemption struct {
	BeneficiaryID string     `json:"beneficiary_id" minLength:"1" maxLength:"255" doc:"The user whose credit is spent."`
	RedemptionID  string     `json:"redemption_id" minLength:"1" maxLength:"255" doc:"The application's number of the redemption, such as the order it was spent on."`
	Amount        int64      `json:"amount" minimum:"1" example:"500" doc:"Minor units of the currency, above zero."`
	Currency      string     `json:"currency" pattern:"^[A-Z]{3}$" example:"USD" doc:"ISO 4217, three capital letters."`
	Reason        *string    `json:"reason,omitempty" maxLength:"2048" doc:"Why it was spent, for people."`
	Author        *string    `json:"author,omitempty" maxLength:"255" doc:"Who spent it, for people."`
	CreatedAt     *time.Time `json:"created_at,omitempty" doc:"When it was spent. Left out: now."`
}

// Credit is one reward of one pair in an answer.
type Credit struct {
	UserID      string    `json:"user_id" doc:"The referee."`
	PurchaseID  string    `json:"purchase_id" doc:"The purchase."`
	Reward      string    `json:"reward,omitempty" doc:"Name of the reward in the policy; left out: the pair earns nothing now."`
	Campaign    string    `json:"campaign" doc:"The campaign."`
	State       string    `json:"state" enum:"Held,Granted,Waiting,Reversed" doc:"Held until it matures, Granted, Waiting (counts, and is not admitted: there is no capacity, or the campaign is not open), or Reversed."`
	Reason      string    `json:"reason" doc:"Why the pair is in that state."`
	Amount      *int64    `json:"amount,omitempty" doc:"Minor units that the reward earns now."`
	Currency    *string   `json:"currency,omitempty" doc:"ISO 4217."`
	QualifiedAt time.Time `json:"qualified_at" doc:"The later of signup and purchase."`
	MaturesAt   time.Time `json:"matures_at" doc:"When its hold ends."`
	DecidedAt   time.Time `json:"decided_at" doc:"When the state was decided."`
}
