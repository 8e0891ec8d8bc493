package acceptance

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	clientwatch "k8s.io/client-go/tools/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// reviewing is a world with three managers whose reviews are watched.
type reviewing struct {
	*world
	client   client.WithWatch
	managers []*testworld.Process

	mu      sync.Mutex
	answers map[string][]string // of each review: the answers that its status has had
}

func newReviewing(t *testing.T) *reviewing {
	t.Helper()
	plane := testworld.Cluster(t)
	r := &reviewing{world: newWorld(t, plane, testworld.NewPostgres(t, testworld.PostgresOptions{})), answers: map[string][]string{}}
	scheme := runtime.NewScheme()
	testworld.Must(t, v1alpha1.AddToScheme(scheme))
	testworld.Must(t, eventsv1.AddToScheme(scheme))
	var err error
	r.client, err = client.NewWithWatch(plane.Config(), client.Options{Scheme: scheme})
	testworld.Must(t, err)
	var list v1alpha1.RewardReviewList
	testworld.Must(t, r.client.List(t.Context(), &list, client.InNamespace(r.namespace)))
	// A connection that is lost under load is made again.
	events, err := clientwatch.NewRetryWatcherWithContext(t.Context(), list.ResourceVersion, &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return r.client.Watch(ctx, &v1alpha1.RewardReviewList{}, &client.ListOptions{Raw: &options, Namespace: r.namespace})
		},
	})
	testworld.Must(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for event := range events.ResultChan() {
			if review, ok := event.Object.(*v1alpha1.RewardReview); ok && event.Type == watch.Modified {
				r.learn(review)
			}
		}
	}()
	t.Cleanup(func() { events.Stop(); <-ended })
	r.startManagers()
	return r
}

func (r *reviewing) startManagers() {
	r.Helper()
	r.managers = nil
	for range 3 {
		r.managers = append(r.managers, r.manager("--leader-elect", "--leader-election-namespace", r.namespace))
	}
}

// learn records an answer that differs from the one before.
func (r *reviewing) learn(review *v1alpha1.RewardReview) {
	answer := "refused"
	if !meta.IsStatusConditionTrue(review.Status.Conditions, v1alpha1.StalledCondition) {
		if !meta.IsStatusConditionTrue(review.Status.Conditions, v1alpha1.ReadyCondition) {
			return
		}
		answer = fmt.Sprintf("%d purchases", len(review.Status.Purchases))
	}
	answer += " at " + review.Status.AnsweredAt.Format(time.RFC3339Nano) + " in version " + review.ResourceVersion
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers[review.Name] = append(r.answers[review.Name], answer)
}

// ask creates a review that is stored for so long.
func (r *reviewing) ask(n int, ttl time.Duration) *v1alpha1.RewardReview {
	r.Helper()
	review := &v1alpha1.RewardReview{ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace, Name: fmt.Sprint("review-", n)}}
	review.Spec.DatabaseRef.Name, review.Spec.UserID = "shop", "bob"
	review.Spec.TTL = &v1alpha1.Duration{Duration: ttl}
	testworld.Must(r, r.client.Create(r.Context(), review))
	return review
}

// awaitAnswered waits until so many reviews have an answer.
func (r *reviewing) awaitAnswered(reviews int) {
	r.Helper()
	for deadline := time.Now().Add(4 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		r.mu.Lock()
		answered := len(r.answers)
		r.mu.Unlock()
		if answered == reviews {
			return
		}
		if time.Now().After(deadline) {
			r.Fatalf("%d of %d reviews are answered", answered, reviews)
		}
	}
}

// awaitNone waits until no review is stored.
func (r *reviewing) awaitNone() {
	r.Helper()
	for deadline := time.Now().Add(4 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		var list v1alpha1.RewardReviewList
		testworld.Must(r, r.client.List(r.Context(), &list, client.InNamespace(r.namespace)))
		if len(list.Items) == 0 {
			return
		}
		if time.Now().After(deadline) {
			r.Fatalf("%d reviews are left", len(list.Items))
		}
	}
}

// rowCounts counts the rows of each table but that of the managers' heartbeats.
func (r *reviewing) rowCounts() []string {
	r.Helper()
	return r.rows(`SELECT tablename, (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM referral.%I', tablename), false, true, '')))[1]::text
		FROM pg_tables WHERE schemaname = 'referral' AND tablename <> 'replica' ORDER BY 1`)
}

// go run ./hack/bench -run review measures how long answers take meanwhile, and asks 10,000 times.
func TestKilledReplicasLeaveNoReviewBehind(t *testing.T) {
	r := newReviewing(t)
	r.apply(fiveDollars)
	testworld.Exec(t, r.shop, "INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('alice', 'invite-friends', 'alice')")
	testworld.Exec(t, r.shop, "INSERT INTO referral.signup (user_id, code) VALUES ('bob', 'alice')")
	testworld.Exec(t, r.shop, "INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('bob', 'p', 2500, 'USD')")
	r.converged()
	before := r.rowCounts()

	const reviews = 120
	pace := time.NewTicker(100 * time.Millisecond) // a namespace may ask 20 times a second
	defer pace.Stop()
	for n := range reviews {
		<-pace.C
		review := r.ask(n, 30*time.Second)
		if n == reviews/3 {
			testworld.Must(t, r.managers[0].Kill())
		}
		if n%2 == 0 {
			r.awaitAnswered(n + 1)
			testworld.Must(t, client.IgnoreNotFound(r.client.Delete(t.Context(), review)))
		}
	}
	r.awaitAnswered(reviews)
	r.awaitNone() // the operator deletes the other half
	for name, answers := range r.answers {
		if len(answers) != 1 || answers[0][:len("1 purchases")] != "1 purchases" {
			t.Errorf("%s has the answers %q", name, answers)
		}
	}

	for _, manager := range r.managers {
		testworld.Must(t, manager.Kill())
	}
	for n := range 20 {
		<-pace.C
		r.ask(reviews+n, 10*time.Second)
	}
	time.Sleep(10 * time.Second) // their ttl
	r.startManagers()
	r.awaitNone()
	if len(r.answers) != reviews {
		t.Errorf("reviews past their ttl are answered: %d answers to %d reviews", len(r.answers), reviews)
	}
	if diff := cmp.Diff(before, r.rowCounts()); diff != "" {
		t.Errorf("reviews leave rows behind (-before +after):\n%s", diff)
	}
	var events eventsv1.EventList
	testworld.Must(t, r.client.List(t.Context(), &events, client.InNamespace(r.namespace)))
	for i := range events.Items {
		if e := &events.Items[i]; e.Regarding.Kind == "RewardReview" {
			t.Errorf("a review leaves an event behind: %+v", e)
		}
	}
}
