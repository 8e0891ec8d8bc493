package api

import (
	"context"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/referral-operator/referral-operator/internal/tracker/facts"
	"github.com/referral-operator/referral-operator/internal/tracker/links"
)

func (a *api) registerLinks() {
	post(a, operation{
		path: "/v1/links", id: "make-link", tag: "Links", summary: "Get or create a referrer's link",
		description: "Without a code, a referrer has one link per campaign, label and destination; a new one is created when it has expired or is disabled, " +
			"except for a repeated request with the same expires_at. " +
			"So the same body is answered with 201 and another link once the first is disabled. " +
			"A chosen code has 3 to 64 letters a to z, digits, '-' and '_', and is stored in lower case.",
	}, a.link)
}

func (a *api) link(ctx context.Context, l *Link) (RecordedLink, bool, error) {
	if l.Code = code(l.Code); l.Code != nil {
		if err := links.CheckVanity(links.Trim(*l.Code)); err != nil {
			return RecordedLink{}, false, refused(&huma.ErrorDetail{Location: "body.code", Message: err.Error(), Value: echo(*l.Code)})
		}
	}
	if l.Destination != nil {
		if err := links.CheckDestination(*l.Destination); err != nil {
			return RecordedLink{}, false, refused(&huma.ErrorDetail{Location: "body.destination", Message: err.Error(), Value: echo(*l.Destination)})
		}
	}
	outcome, err := a.Store.Link(ctx, (*facts.Link)(l), links.NewCode)
	if err == nil && outcome.Created && outcome.Stored.Code != nil {
		a.LinkMade(*outcome.Stored.Code)
	}
	return a.recordedLink(&outcome.Stored), outcome.Created, err
}

// address is the URL of a link; empty for a link without a code.
func (a *api) address(code *string) string {
	if code == nil {
		return ""
	}
	return a.PublicURL + "/r/" + segment(*code)
}

// segment escapes a text as one segment of a path. Clients drop segments that are dots.
func segment(text string) string {
	if text == "." || text == ".." {
		return strings.ReplaceAll(text, ".", "%2E")
	}
	return url.PathEscape(text)
}

func detail(at, message string) *huma.ErrorDetail {
	return &huma.ErrorDetail{Location: at, Message: message}
}
