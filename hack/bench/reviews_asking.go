package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	clientwatch "k8s.io/client-go/tools/watch"
	kube "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// answerPatience is how long an answer is awaited.
const answerPatience = 15 * time.Second

// answers follows every review from its creation to its answers.
type answers struct {
	watch watch.Interface
	ended chan struct{}

	mu         sync.Mutex
	asked      map[string]*asked // by name
	number     int
	unanswered int
	twice      int
	refused    int
}

// asked is one review.
type asked struct {
	at         time.Time
	answeredAt *metav1.Time
	took       time.Duration
	answered   chan struct{} // closed with the first answer
}

// watchAnswers begins to watch all reviews. A connection that is lost under load is made again.
func watchAnswers(ctx context.Context, client kube.WithWatch) (*answers, error) {
	var list v1alpha1.RewardReviewList
	if err := client.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("while listing reviews: %w", err)
	}
	events, err := clientwatch.NewRetryWatcherWithContext(ctx, list.ResourceVersion, &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return client.Watch(ctx, &v1alpha1.RewardReviewList{}, &kube.ListOptions{Raw: &options})
		},
	})
	if err != nil {
		return nil, fmt.Errorf("while watching reviews: %w", err)
	}
	a := &answers{watch: events, ended: make(chan struct{}), asked: map[string]*asked{}}
	go func() {
		defer close(a.ended)
		for event := range events.ResultChan() {
			if review, ok := event.Object.(*v1alpha1.RewardReview); ok && event.Type == watch.Modified {
				a.learn(review)
			}
		}
	}()
	return a, nil
}

func (a *answers) stop() {
	a.watch.Stop()
	<-a.ended
}

// learn records the first answer of a review, and counts refusals and second answers.
func (a *answers) learn(review *v1alpha1.RewardReview) {
	a.mu.Lock()
	defer a.mu.Unlock()
	q := a.asked[review.Name]
	switch {
	case q == nil:
	case meta.IsStatusConditionTrue(review.Status.Conditions, v1alpha1.StalledCondition):
		a.refused++
	case !meta.IsStatusConditionTrue(review.Status.Conditions, v1alpha1.ReadyCondition) || len(review.Status.Purchases) != 1:
	case q.answeredAt == nil:
		q.answeredAt, q.took = review.Status.AnsweredAt, time.Since(q.at)
		close(q.answered)
	case !q.answeredAt.Equal(review.Status.AnsweredAt):
		a.twice++
	}
}

// begin names the next review.
func (a *answers) begin() (name string, q *asked) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.number++
	name, q = fmt.Sprintf("question-%05d", a.number), &asked{at: time.Now(), answered: make(chan struct{})}
	a.asked[name] = q
	return name, q
}

// wrong counts the reviews that were not answered, refused, or answered twice.
func (r *reviewing) wrong() float64 {
	a := r.answers
	a.mu.Lock()
	defer a.mu.Unlock()
	r.say("%d questions; %d were not answered, %d refused, %d answered twice", a.number, a.unanswered, a.refused, a.twice)
	return float64(a.unanswered + a.refused + a.twice)
}

// create creates a review of the shop's one friend.
func (r *reviewing) create(ctx context.Context, space int) (*v1alpha1.RewardReview, *asked, error) {
	name, q := r.answers.begin()
	review := &v1alpha1.RewardReview{ObjectMeta: metav1.ObjectMeta{Namespace: spaceOf(space), Name: name}}
	review.Spec.DatabaseRef.Name, review.Spec.UserID = "shop", referee
	review.Spec.TTL = &v1alpha1.Duration{Duration: reviewTTL}
	if err := r.client.Create(ctx, review); err != nil {
		return nil, nil, fmt.Errorf("while asking: %w", err)
	}
	return review, q, nil
}

// mostAwaited is how many answers of a database are awaited at a time where the machine sets the
// pace.
const mostAwaited = 5

// askAll asks so many questions of each database, of all at a time, as fast as they are answered.
// Every second review is left to its ttl.
func (r *reviewing) askAll(ctx context.Context, count int) (series, error) {
	var mu sync.Mutex
	var took series
	asking, running := errgroup.WithContext(ctx)
	for n := range reviewSpaces {
		asking.Go(func() error {
			answered, err := r.ask(running, n, count, mostAwaited)
			mu.Lock()
			defer mu.Unlock()
			took = append(took, answered...)
			return err
		})
	}
	return took, asking.Wait()
}

// ask asks so many questions of one database at reviewPace, and returns how many seconds each
// answer took. With a limit of answers that are awaited at a time, every second review is left to
// its ttl; limit below 0: there is none.
func (r *reviewing) ask(ctx context.Context, space, count, limit int) (series, error) {
	pace := time.NewTicker(reviewPace)
	defer pace.Stop()
	var mu sync.Mutex
	var took series
	asking, running := errgroup.WithContext(ctx)
	asking.SetLimit(limit)
	for i := range count {
		asking.Go(func() error {
			review, q, err := r.create(running, space)
			if err != nil {
				return err
			}
			seconds, err := r.awaitAnswer(running, q)
			if err != nil {
				return err
			}
			mu.Lock()
			took = append(took, seconds)
			mu.Unlock()
			if limit < 0 || i%2 == 0 {
				return kube.IgnoreNotFound(r.client.Delete(running, review))
			}
			return nil
		})
		select {
		case <-running.Done():
			return nil, errors.Join(asking.Wait(), running.Err())
		case <-pace.C:
		}
	}
	return took, asking.Wait()
}

// awaitAnswer returns how many seconds an answer took; as many as it was awaited if there is none.
func (r *reviewing) awaitAnswer(ctx context.Context, q *asked) (float64, error) {
	select {
	case <-q.answered:
		return q.took.Seconds(), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-r.answers.ended:
		return 0, errors.New("the API server has ended the watch of reviews")
	case <-time.After(answerPatience):
	}
	r.answers.mu.Lock()
	defer r.answers.mu.Unlock()
	r.answers.unanswered++
	return answerPatience.Seconds(), nil
}
