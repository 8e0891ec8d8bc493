package reward

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
)

// conditionFacts are the facts of one candidate that a condition can read. The link is the one in
// the attribution, which stays once a pair was admitted: later edits of the link take nothing back.
type conditionFacts struct {
	candidate        *candidate
	purchase, signup any  // decoded attributes; nil: not yet
	readBlank        bool // the condition read blanked attributes
	readUnknownLink  bool // the condition read a link that is not known any more
	cost             uint64
}

// ResolveName returns a fact when the condition reads it. Attributes are decoded at the first read.
func (f *conditionFacts) ResolveName(name string) (any, bool) {
	c := f.candidate
	switch name {
	case "purchase.amount":
		return types.Int(c.purchase.Amount), true
	case "purchase.currency":
		return textOf(c.purchase.Currency), true
	case "purchase.purchased_at":
		return types.Timestamp{Time: c.purchase.PurchasedAt.UTC()}, true
	case "purchase.attributes":
		f.readBlank = f.readBlank || c.purchase.Blanked
		if f.purchase == nil {
			f.purchase = f.decode(c.purchase.Attributes)
		}
		return f.purchase, true
	case "signup.signed_up_at":
		return types.Timestamp{Time: c.referee.Signup.SignedUpAt.UTC()}, true
	case "signup.attributes":
		// A purchase may be written again after the erasure. What the signup had is not.
		f.readBlank = f.readBlank || c.referee.Signup.Blanked && (c.purchase.Blanked || c.admitted())
		if f.signup == nil {
			f.signup = f.decode(c.referee.Signup.Attributes)
		}
		return f.signup, true
	case "link.code":
		f.readUnknownLink = f.readUnknownLink || c.attribution.linkUnknown()
		return textOf(c.attribution.Code), true
	case "link.label":
		f.readUnknownLink = f.readUnknownLink || c.attribution.linkUnknown()
		return textOf(c.attribution.Label), true
	}
	return nil, false
}

// Parent implements cel.Activation.
func (f *conditionFacts) Parent() cel.Activation { return nil }

// decode is decodeAttributes with its cost.
func (f *conditionFacts) decode(text []byte) any {
	f.cost += uint64(min(len(text), MaxAttributes) / textPerUnit)
	return decodeAttributes(text)
}

// decodeAttributes returns the prepared members of a JSON object, or a CEL error that ends the
// evaluation.
func decodeAttributes(text []byte) any {
	if len(text) == 0 {
		return map[string]any{}
	}
	if len(text) > MaxAttributes {
		return types.NewErr("attributes are larger than %d bytes", MaxAttributes)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // whole numbers are exact
	var members map[string]any
	if err := decoder.Decode(&members); err != nil {
		return types.WrapErr(fmt.Errorf("attributes are not a JSON object: %w", err))
	}
	if members == nil { // null
		return map[string]any{}
	}
	return prepared(members)
}
