package view

import (
	"fmt"
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

func TestReviewsReadAsRecorded(t *testing.T) {
	each(t, "review", ".txt", func(t *testing.T, path string) string {
		t.Helper()
		return Review(Options{Now: now}, object[v1alpha1.RewardReview](t, path))
	})
}

// The operator's tests record its answer for every reason in every state. All are in one file, so
// that they can be compared at a glance.
func TestReviewShowsEveryReasonInEveryState(t *testing.T) {
	var all strings.Builder
	for _, review := range *object[[]*v1alpha1.RewardReview](t, "testdata/outcomes.yaml") {
		text := Review(Options{Now: now}, review)
		purchase := &review.Status.Purchases[0]
		for _, word := range []string{purchase.State, purchase.Reason} {
			if word != "Qualified" && !strings.Contains(text, word) {
				t.Errorf("%s: %s is not shown:\n%s", purchase.State, purchase.Reason, text)
			}
		}
		if colors[purchase.State] == plain {
			t.Errorf("state %s has no colour", purchase.State)
		}
		fmt.Fprintf(&all, "%s\n", text)
	}
	golden(t, "testdata/outcomes.txt", all.String())
}

func TestTextOfUsersCannotControlTheTerminal(t *testing.T) {
	review := object[v1alpha1.RewardReview](t, "testdata/review/granted.yaml")
	const hostile = "bob\x1b[2J\u202e\r\nroot"
	review.Spec.UserID = hostile
	review.Status.Summary = hostile
	review.Status.Attribution.Code = hostile
	review.Status.Purchases[0].PurchaseID = hostile
	review.Status.Purchases[0].Checks[0].Detail = hostile
	review.Status.Purchases[0].Remedy = hostile
	review.Status.Timeline[0].Lost = hostile
	text := Review(Options{Now: now}, review)
	for _, r := range "\x1b\u202e\r" {
		if strings.ContainsRune(text, r) {
			t.Errorf("%q reached the terminal:\n%q", r, text)
		}
	}
}

// A user chooses an id, and a support person pastes it.
func TestPlaceToGoOnFromIsOneWordOfAShell(t *testing.T) {
	review := object[v1alpha1.RewardReview](t, "testdata/review/referrer.yaml")
	review.Status.Friends.Next = "847440300000000/x'; reboot; '"
	if text := Review(Options{Now: now}, review); !strings.Contains(text, `--after '847440300000000/x'\''; reboot; '\'''`) {
		t.Error(text)
	}
}

func TestColorsSurroundWholeWordsOnly(t *testing.T) {
	review := object[v1alpha1.RewardReview](t, "testdata/review/granted.yaml")
	plainly := Review(Options{Now: now}, review)
	colored := Review(Options{Now: now, Color: true}, review)
	if colored == plainly {
		t.Fatal("there is no colour")
	}
	stripped := stripColors(colored)
	if stripped != plainly {
		t.Errorf("colours change the layout:\n%s\n%s", stripped, plainly)
	}
}

func stripColors(text string) string {
	for _, c := range []color{bold, faint, red, green, yellow} {
		text = strings.ReplaceAll(text, "\x1b["+string(c)+"m", "")
	}
	return strings.ReplaceAll(text, "\x1b[0m", "")
}

func TestLongIdsAreShortenedUnlessWide(t *testing.T) {
	review := object[v1alpha1.RewardReview](t, "testdata/review/referrer.yaml")
	long := strings.Repeat("長い", 100)
	review.Status.Friends.Newest[0].UserID = long
	narrow := Review(Options{Now: now}, review)
	for line := range strings.Lines(narrow) {
		if n := widthOf(strings.TrimSuffix(line, "\n")); n > Width {
			t.Errorf("a line has %d columns: %s", n, line)
		}
	}
	if wide := Review(Options{Now: now, Wide: true}, review); !strings.Contains(wide, long) {
		t.Error("a wide output shortens an id")
	}
}
