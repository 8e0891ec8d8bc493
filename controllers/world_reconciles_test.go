package controllers_test

import (
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// reconciles counts the reconciles of each object by one manager. The metrics of controller-runtime
// are those of all managers of a process, and of all objects of a kind.
type reconciles struct {
	mu    sync.Mutex
	begun map[string]int // by key
	ended map[string]int
}

func newReconciles() *reconciles {
	return &reconciles{begun: map[string]int{}, ended: map[string]int{}}
}

// reconcilesOf is the key of an object in reconciles.
func reconcilesOf(object client.Object) string {
	kind := reflect.TypeOf(object).Elem().Name()
	return reconcileKey(strings.ToLower(kind), object.GetNamespace(), object.GetName())
}

func reconcileKey(controller, namespace, name string) string {
	return fmt.Sprintf("%s %s/%s", controller, namespace, name)
}

func (r *reconciles) of(key string) (begun, ended int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.begun[key], r.ended[key]
}

// begun is how many reconciles of an object the present manager has begun.
func (w *world) begun(object client.Object) int {
	begun, _ := w.reconciles.of(reconcilesOf(object))
	return begun
}

// awaitEnded waits until the present manager has ended this many reconciles of an object.
func (w *world) awaitEnded(object client.Object, number int) {
	w.Helper()
	key := reconcilesOf(object)
	w.eventually(fmt.Sprintf("reconciled %d times: %s", number, key), func() bool {
		_, ended := w.reconciles.of(key)
		return ended >= number
	})
}

// awaitMore waits until the present manager has begun and ended this many further reconciles of an
// object.
func (w *world) awaitMore(object client.Object, number int) {
	w.Helper()
	w.awaitEnded(object, w.begun(object)+number)
}

// reconcileSink counts the messages that controller-runtime logs before and after each reconcile,
// whatever the level of the log.
type reconcileSink struct {
	logr.LogSink
	count *reconciles

	controller, namespace, name string // of the reconcile
}

// countedIn returns a logger that counts reconciles in count, and logs as before.
func countedIn(count *reconciles, logger logr.Logger) logr.Logger {
	return logr.New(&reconcileSink{LogSink: logger.GetSink(), count: count})
}

// reconcileLevel is the level of the messages that are counted.
const reconcileLevel = 5

func (s *reconcileSink) Enabled(level int) bool {
	return level == reconcileLevel || s.LogSink.Enabled(level)
}

func (s *reconcileSink) Info(level int, message string, values ...any) {
	switch {
	case message == "Reconciling":
		s.add(s.count.begun)
	case message == "Reconcile successful", strings.HasPrefix(message, "Reconcile done, "):
		s.add(s.count.ended)
	}
	if s.LogSink.Enabled(level) {
		s.LogSink.Info(level, message, values...)
	}
}

func (s *reconcileSink) Error(err error, message string, values ...any) {
	if message == "Reconciler error" {
		s.add(s.count.ended)
	}
	s.LogSink.Error(err, message, values...)
}

func (s *reconcileSink) add(to map[string]int) {
	s.count.mu.Lock()
	defer s.count.mu.Unlock()
	to[reconcileKey(s.controller, s.namespace, s.name)]++
}

func (s *reconcileSink) WithName(name string) logr.LogSink {
	named := *s
	named.LogSink = s.LogSink.WithName(name)
	return &named
}

func (s *reconcileSink) WithValues(values ...any) logr.LogSink {
	with := *s
	with.LogSink = s.LogSink.WithValues(values...)
	for i := 0; i+1 < len(values); i += 2 {
		text, _ := values[i+1].(string)
		switch values[i] {
		case "controller":
			with.controller = text
		case "namespace":
			with.namespace = text
		case "name":
			with.name = text
		}
	}
	return &with
}
