package controllers

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/reference"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"golang.org/x/time/rate"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

const (
	// eventBurst and eventInterval bound how many events are created about one object: first
	// eventBurst, then one each eventInterval. Beyond that an event counts as a repetition of the
	// object's newest event of its reason.
	eventBurst    = 25
	eventInterval = time.Minute

	// objectsWithEvents bounds how many objects a recorder remembers.
	objectsWithEvents = 10_000
)

// recorder records events at once, one after the other. The recorder of client-go writes the third
// event of a reason, and all that follow, minutes later or never, and with the note of the first:
// then the last event that shows is not the last one.
type recorder struct {
	client client.Client

	mu      sync.Mutex
	objects *lru.Cache[types.UID, *recorded]
}

// recorded is what a recorder remembers of one object.
type recorded struct {
	limit  *rate.Limiter
	newest map[string]*recordedEvent // by type and reason
}

// recordedEvent is what a recorder remembers of one event.
type recordedEvent struct {
	name  client.ObjectKey
	count int32 // how often it has occurred
}

func newRecorder(c client.Client) *recorder {
	objects, err := lru.New[types.UID, *recorded](objectsWithEvents)
	if err != nil {
		panic(err) // the size is a constant above zero
	}
	return &recorder{client: c, objects: objects}
}

// record records an event about an object.
func (r *recorder) record(ctx context.Context, about resource, kind, reason, note string) error {
	r.mu.Lock()
	of, found := r.objects.Get(about.GetUID())
	if !found {
		of = &recorded{rate.NewLimiter(rate.Every(eventInterval), eventBurst), map[string]*recordedEvent{}}
		r.objects.Add(about.GetUID(), of)
	}
	earlier := of.newest[kind+reason]
	repeat := !of.limit.Allow() && earlier != nil
	var repetition recordedEvent
	if repeat {
		earlier.count++
		repetition = *earlier
	}
	r.mu.Unlock()

	if repeat {
		err := r.repeat(ctx, repetition)
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("while recording that an event has been repeated: %w", err)
		}
		if err == nil {
			return nil
		}
	}
	event, err := newEvent(r.client.Scheme(), about, kind, reason, note)
	if err == nil {
		err = r.client.Create(ctx, event)
	}
	if err != nil {
		return fmt.Errorf("while recording an event: %w", err)
	}
	r.mu.Lock()
	of.newest[kind+reason] = &recordedEvent{client.ObjectKeyFromObject(event), 1}
	r.mu.Unlock()
	return nil
}

// newEvent returns an event about an object, which has just occurred.
func newEvent(scheme *runtime.Scheme, about resource, kind, reason, note string) (*eventsv1.Event, error) {
	const noteBytes = 1 << 10 // the API server refuses longer notes
	regarding, err := reference.GetReference(scheme, about)
	if err != nil {
		return nil, err
	}
	// Names of one object's events sort by time, as client-go has it.
	const longestName = 230
	name := strings.TrimRight(about.GetName()[:min(len(about.GetName()), longestName)], "-.")
	now := metav1.NowMicro()
	host, _ := os.Hostname()
	instance := v1alpha1.FieldManager + "-" + host // names this process
	return &eventsv1.Event{
		ObjectMeta:          metav1.ObjectMeta{Namespace: about.GetNamespace(), Name: fmt.Sprintf("%s.%x", name, now.UnixNano())},
		EventTime:           now,
		ReportingController: v1alpha1.FieldManager,
		ReportingInstance:   instance[:min(len(instance), 128)],
		Action:              "Reconcile",
		Type:                kind,
		Reason:              reason,
		Regarding:           *regarding,
		Note:                postgres.Plain(note, noteBytes),
	}, nil
}

// repeat records that an event has occurred again.
func (r *recorder) repeat(ctx context.Context, repetition recordedEvent) error {
	event := &eventsv1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: repetition.name.Namespace, Name: repetition.name.Name}}
	original := event.DeepCopy()
	event.Series = &eventsv1.EventSeries{Count: repetition.count, LastObservedTime: metav1.NowMicro()}
	return r.client.Patch(ctx, event, client.MergeFrom(original))
}

// note records an event that no condition shows. A failure is only logged.
func (r *recorder) note(ctx context.Context, about resource, kind, reason, note string) {
	if err := r.record(ctx, about, kind, reason, note); err != nil {
		ctrl.LoggerFrom(ctx).Info("Cannot record an event", "event", reason, "note", note, "reason", err.Error())
	}
}
