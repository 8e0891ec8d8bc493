package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/referral-operator/referral-operator/internal/tracker/facts"
)

// Facts of a batch, each with its kind.
type (
	batchSignup struct {
		Kind string `json:"kind" enum:"signup" doc:"Which fact this is."`
		Signup
	}
	batchPurchase struct {
		Kind string `json:"kind" enum:"purchase" doc:"Which fact this is."`
		Purchase
	}
	batchRefund struct {
		Kind string `json:"kind" enum:"refund" doc:"Which fact this is."`
		Refund
	}
	batchAction struct {
		Kind string `json:"kind" enum:"action" doc:"Which fact this is."`
		Action
	}
)

// mostFacts is the most facts of a batch, as its document says.
const mostFacts = 1000

// batch is facts of any kinds. All of them are recorded, or none.
type batch struct {
	Facts []batchFact `json:"facts" minItems:"1" maxItems:"1000" nullable:"false" doc:"In any order. Two facts with the same key must be equal."`
}

// batchFact is a fact whose kind has not been read.
type batchFact struct{ json.RawMessage }

// Schema is the union of the schemas of all kinds.
func (batchFact) Schema(registry huma.Registry) *huma.Schema {
	schema := &huma.Schema{Discriminator: &huma.Discriminator{PropertyName: "kind", Mapping: map[string]string{}}}
	for _, k := range batchKinds {
		of := registry.Schema(k.of, true, "")
		schema.OneOf = append(schema.OneOf, of)
		schema.Discriminator.Mapping[k.name] = of.Ref
	}
	return schema
}

type recordedBatch struct {
	Results []recordedFact `json:"results" nullable:"false" doc:"One for each fact, in their order."`
}

type recordedFact struct {
	Status   int      `json:"status" enum:"200,201" doc:"201: the fact is new. 200: it was recorded before."`
	Warnings []string `json:"warnings,omitempty" doc:"Values that were left out, and why."`
}

// batchKind is how facts of one kind are read from a batch.
type batchKind struct {
	name string
	of   reflect.Type
	read func(a *api, text []byte, at string) (fact facts.Fact, warning string, err error)
}

var batchKinds = []batchKind{
	{"signup", reflect.TypeFor[batchSignup](), func(a *api, text []byte, _ string) (facts.Fact, string, error) {
		var given batchSignup
		err := json.Unmarshal(text, &given)
		signup, warning := a.signupOf(&given.Signup)
		return signup, warning, err
	}},
	{"purchase", reflect.TypeFor[batchPurchase](), func(_ *api, text []byte, _ string) (facts.Fact, string, error) {
		var given batchPurchase
		err := json.Unmarshal(text, &given)
		return (*facts.Purchase)(&given.Purchase), "", err
	}},
	{"refund", reflect.TypeFor[batchRefund](), func(_ *api, text []byte, _ string) (facts.Fact, string, error) {
		var given batchRefund
		err := json.Unmarshal(text, &given)
		return (*facts.Refund)(&given.Refund), "", err
	}},
	{"action", reflect.TypeFor[batchAction](), func(a *api, text []byte, at string) (facts.Fact, string, error) {
		var given batchAction
		if err := json.Unmarshal(text, &given); err != nil {
			return nil, "", err
		}
		return a.actionOf(&given.Action, at)
	}},
}

func (a *api) registerBatch() {
	op := post(a, operation{
		path: "/v1/batch", id: "record-batch", tag: "Facts", summary: "Record up to 1,000 facts, all or none", limit: batchLimit,
		description: "In one transaction. If a fact is invalid or conflicts with a stored fact, none is recorded and the problem names the fact.",
	}, a.batch)
	// Facts are checked one by one, each against the shape of its kind.
	registry := a.huma.OpenAPI().Components.Schemas
	whole := *registry.SchemaFromRef(registry.Schema(reflect.TypeFor[batch](), true, "").Ref)
	list := *whole.Properties["facts"]
	list.Items = &huma.Schema{}
	whole.Properties = map[string]*huma.Schema{"facts": &list}
	op.Metadata[shapeKey] = &shape{registry: registry, schema: &whole, limit: batchLimit, parse: parseBatch, trees: a.trees}
	a.kinds = map[string]*shape{}
	for _, k := range batchKinds {
		a.kinds[k.name] = &shape{registry: registry, schema: registry.Schema(k.of, true, "")}
	}
}

func (a *api) batch(ctx context.Context, given *batch) (recordedBatch, bool, error) {
	all := make([]facts.Fact, len(given.Facts))
	out := recordedBatch{Results: make([]recordedFact, len(given.Facts))}
	var details []*huma.ErrorDetail
	for i := range given.Facts {
		fact, warning, wrong := a.batchFact(given.Facts[i].RawMessage, "body.facts["+strconv.Itoa(i)+"]")
		all[i], out.Results[i].Warnings = fact, warnings(warning)
		if details = append(details, wrong...); len(details) > mostErrors {
			break
		}
	}
	if len(details) > 0 {
		return out, false, refused(details...)
	}
	recorded, err := a.Store.Record(ctx, all)
	if err != nil {
		return out, false, err
	}
	if recorded.ConflictCount > 0 {
		return out, false, conflicting(recorded)
	}
	for _, i := range recorded.LateVisitors {
		out.Results[i].Warnings = append(out.Results[i].Warnings, lateVisitor)
	}
	if recorded.TouchRefusal != nil {
		a.logRefusal(ctx, recorded.TouchRefusal)
	}
	for _, i := range recorded.TouchRefused {
		out.Results[i].Warnings = append(out.Results[i].Warnings, touchRefused)
	}
	anything := false
	for i, created := range recorded.Created {
		out.Results[i].Status = http.StatusOK
		if created {
			out.Results[i].Status, anything = http.StatusCreated, true
		}
	}
	return out, anything, nil
}

// batchFact reads one fact of a batch.
func (a *api) batchFact(text []byte, at string) (fact facts.Fact, warning string, wrong []*huma.ErrorDetail) {
	a.trees.begin()
	defer a.trees.end()
	tree, fault := parse(text, at)
	if fault != nil {
		return nil, "", []*huma.ErrorDetail{detail(fault.location, fault.message)}
	}
	members, ok := tree.(map[string]any)
	if !ok {
		return nil, "", []*huma.ErrorDetail{detail(at, "expected object")}
	}
	for _, k := range batchKinds {
		if members["kind"] != k.name {
			continue
		}
		if wrong = a.kinds[k.name].check(tree, at); len(wrong) > 0 {
			return nil, "", wrong
		}
		fact, warning, err := k.read(a, text, at)
		if p, ok := err.(*huma.ErrorModel); ok { //nolint:errorlint // actionOf makes it
			return nil, "", p.Errors
		}
		if err != nil {
			return nil, "", []*huma.ErrorDetail{detail(at, "is invalid")}
		}
		return fact, warning, nil
	}
	return nil, "", []*huma.ErrorDetail{detail(at+".kind", "expected one of "+kindNames())}
}

func kindNames() string {
	names := make([]string, len(batchKinds))
	for i, k := range batchKinds {
		names[i] = k.name
	}
	return strings.Join(names, ", ")
}

// conflicting is the problem of a batch with facts that differ from stored ones.
func conflicting(recorded *facts.Batch) error {
	var details []*huma.ErrorDetail
	for _, c := range recorded.Conflicts {
		details = append(details, differing("body.facts["+strconv.Itoa(c.Number)+"]", c.Conflict)...)
	}
	p := problem(http.StatusConflict, strconv.Itoa(recorded.ConflictCount)+" of the facts are stored already, and differ; nothing was recorded",
		details[:min(len(details), mostErrors)]...)
	p.Type = typeConflict
	return p
}
