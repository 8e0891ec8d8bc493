package reward

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// steps are steps of every kind. Their digests are in testdata/stepdigests.txt, to which lines are
// only appended: a step keeps its digest.
func steps() (names []string, all []Step) {
	from := Step{Database: "growth/shop", Campaign: "invite-friends", RulesVersion: 1, FromRevision: 1, FromDigest: "sha256:0123"}
	add := func(name string, edit func(*Step)) {
		s := from
		edit(&s)
		names, all = append(names, name), append(all, s)
	}
	terms := func() *Terms { t := fullTerms(); return &t }
	at := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	window := 720 * time.Hour
	add("nothing", func(*Step) {})
	add("first-declaration", func(s *Step) {
		s.FromRevision, s.FromDigest, s.Terms, s.Scope, s.Policy, s.Window = 0, "", terms(), NewPairs, "five-dollars", &window
	})
	add("terms-for-new-pairs", func(s *Step) { s.Terms, s.Scope = terms(), NewPairs })
	add("terms-for-held-pairs", func(s *Step) { s.Terms, s.Scope = terms(), HeldPairs })
	add("terms-for-all-pairs", func(s *Step) { s.Terms, s.Scope = terms(), AllPairs })
	add("tiers", func(s *Step) {
		s.Terms, s.Scope = terms(), AllPairs
		s.Terms.Rewards[1].Fixed = nil
		s.Terms.Rewards[1].Tiers = []Tier{{FromPair: 1, Fixed: Money{500, "USD"}}, {FromPair: 10, Fixed: Money{1000, "USD"}}}
	})
	add("from-another-revision", func(s *Step) { s.Terms, s.Scope, s.FromRevision = terms(), AllPairs, 2 })
	add("from-other-terms", func(s *Step) { s.Terms, s.Scope, s.FromDigest = terms(), AllPairs, "sha256:4567" })
	add("another-database", func(s *Step) { s.Terms, s.Scope, s.Database = terms(), AllPairs, "growth/other" })
	add("another-campaign", func(s *Step) { s.Terms, s.Scope, s.Campaign = terms(), AllPairs, "share-item" })
	add("another-rules-version", func(s *Step) { s.Terms, s.Scope, s.RulesVersion = terms(), AllPairs, 2 })
	add("another-policy", func(s *Step) { s.Policy = "ten-dollars" })
	add("a-higher-cap", func(s *Step) { s.PairsPerReferrer = &Limit{Amount: 100} })
	add("no-cap", func(s *Step) { s.PairsPerReferrer = &Limit{None: true} })
	add("a-higher-budget", func(s *Step) { s.Budget = &Limit{Amount: 2_000_000, Currency: "USD"} })
	add("the-largest-budget", func(s *Step) { s.Budget = &Limit{Amount: 1<<63 - 1, Currency: "USD"} })
	add("no-budget", func(s *Step) { s.Budget = &Limit{None: true} })
	add("an-earlier-start", func(s *Step) { s.StartsAt = &Bound{At: &at} })
	add("no-start", func(s *Step) { s.StartsAt = &Bound{None: true} })
	add("a-later-end", func(s *Step) { s.EndsAt = &Bound{At: &at} })
	add("no-end", func(s *Step) { s.EndsAt = &Bound{None: true} })
	add("a-longer-window", func(s *Step) { s.Window = &window })
	add("a-deletion", func(s *Step) { s.DeletesReversing = true })
	return names, all
}

func TestStepDigestsStayWhatTheyAre(t *testing.T) {
	golden := map[string]string{}
	file, err := os.Open(filepath.Join("testdata", "stepdigests.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, digest, found := strings.Cut(lines.Text(), " "); found && !strings.HasPrefix(name, "#") {
			golden[name] = digest
		}
	}
	names, all := steps()
	seen := map[string]string{}
	for i, name := range names {
		digest := all[i].Digest()
		switch want := golden[name]; want {
		case digest:
		case "":
			t.Errorf("append to testdata/stepdigests.txt:\n%s %s", name, digest)
		default:
			t.Errorf("%s has digest %s, and had %s: a step keeps its digest", name, digest, want)
		}
		if other := seen[digest]; other != "" {
			t.Errorf("%s and %s have the same digest", name, other)
		}
		seen[digest] = name
		delete(golden, name)
	}
	for name := range golden {
		t.Errorf("%s is in testdata/stepdigests.txt and no step of that name is tested any more", name)
	}
}

func TestStepDigestDoesNotDependOnSpelling(t *testing.T) {
	_, all := steps()
	step := all[2]
	for name, edit := range map[string]func(*Step){
		"another order of rewards": func(s *Step) { s.Terms.Rewards[0], s.Terms.Rewards[1] = s.Terms.Rewards[1], s.Terms.Rewards[0] },
		"a default":                func(s *Step) { s.Terms.BeforeSignup = DefaultBeforeSignup },
		"limits in the terms":      func(s *Step) { s.Terms.Limits.PairsPerReferrer = 5 },
	} {
		terms := fullTerms()
		same := step
		same.Terms = &terms
		edit(&same)
		if same.Digest() != step.Digest() {
			t.Errorf("%s gives another digest", name)
		}
	}
	if step.Terms.Rewards[0].Name != fullTerms().Rewards[0].Name {
		t.Error("Digest changed the step")
	}
}

// A field that a later version adds leaves the digest alone while it is neutral, whatever its kind.
func TestStepDigestIgnoresNeutralFieldsOfLaterVersions(t *testing.T) {
	type later struct {
		Step
		Text   string         `json:"aText"`
		Number int            `json:"number"`
		Switch bool           `json:"zSwitch"`
		List   []string       `json:"list"`
		Object map[string]int `json:"object"`
		Nested struct {
			Text string `json:"text"`
			Deep struct {
				Number int `json:"number"`
			} `json:"deep"`
		} `json:"nested"`
		Pointer *int `json:"pointer"`
	}
	_, all := steps()
	for _, step := range all {
		if before, after := string(canonical(step)), string(canonical(later{Step: step, List: []string{}})); before != after {
			t.Errorf("the canonical form differs:\n%s\n%s", before, after)
		}
	}
	if bytes.Equal(canonical(all[0]), canonical(later{Step: all[0], Switch: true})) {
		t.Error("a field that is set must give another digest")
	}
}

func TestCanonicalFormIsSortedAndExact(t *testing.T) {
	got := string(canonical(map[string]any{
		"b": int64(1<<63 - 1), "a": []any{0, "", map[string]any{"x": 0}}, "none": map[string]any{"empty": []string{}}, "zero": 0,
	}))
	if want := fmt.Sprintf(`{"a":[0,"",{}],"b":%d}`, int64(1<<63-1)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
