package reward

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
)

// conditionFacts are what a condition sees of one candidate. The link is that
// of the attribution, which is the recorded one once a pair was admitted: what
// becomes of the link afterwards takes nothing back.
type conditionFacts struct {
	candidate        *candidate
	purchase, signup any  // decoded attributes; nil: not yet
	readBlank        bool // attributes were read that an erasure took
}

// ResolveName is called by the evaluation each time that it reads a fact.
// Attributes are decoded only then, and once.
func (f *conditionFacts) ResolveName(name string) (any, bool) {
	c := f.candidate
	switch name {
	case "purchase.amount":
		return types.Int(c.purchase.Amount), true
	case "purchase.currency":
		return types.String(c.purchase.Currency), true
	case "purchase.purchased_at":
		return types.Timestamp{Time: c.purchase.PurchasedAt.UTC()}, true
	case "purchase.attributes":
		f.readBlank = f.readBlank || c.purchase.Blanked
		if f.purchase == nil {
			f.purchase = decodeAttributes(c.purchase.Attributes)
		}
		return f.purchase, true
	case "signup.signed_up_at":
		return types.Timestamp{Time: c.referee.Signup.SignedUpAt.UTC()}, true
	case "signup.attributes":
		f.readBlank = f.readBlank || c.purchase.Blanked && c.referee.Signup.Blanked
		if f.signup == nil {
			f.signup = decodeAttributes(c.referee.Signup.Attributes)
		}
		return f.signup, true
	case "link.code":
		return types.String(c.attribution.Code), true
	case "link.label":
		return types.String(c.attribution.Label), true
	}
	return nil, false
}

// Parent makes it a cel.Activation.
func (f *conditionFacts) Parent() cel.Activation { return nil }

// decodeAttributes returns the members of a JSON object, numbers as they were
// written, or what breaks the evaluation off.
func decodeAttributes(text []byte) any {
	if len(text) == 0 {
		return map[string]any{}
	}
	if len(text) > MaxAttributes {
		return types.NewErr("attributes are larger than %d bytes", MaxAttributes)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var members map[string]any
	if err := decoder.Decode(&members); err != nil {
		return types.WrapErr(fmt.Errorf("attributes are no JSON object: %w", err))
	}
	if members == nil { // null
		return map[string]any{}
	}
	return members
}
