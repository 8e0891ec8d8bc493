package touches_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/tracker/touches"
)

func TestCloseWritesWaitingTouches(t *testing.T) {
	w := newWorld(t)
	q := w.queue(touches.Options{Group: 7})
	var want []string
	for n := range 100 {
		id := fmt.Sprintf("%03d", n)
		want = append(want, id)
		if !q.Add(touch(id)) {
			t.Fatal("shed")
		}
	}
	w.close(q)
	w.expect(want...)
	if got := q.Stats(); got != (touches.Stats{Written: 100}) {
		t.Errorf("stats: %+v", got)
	}
	if q.Add(touch("late")) {
		t.Error("a closed queue took a touch")
	}
	w.close(q) // again does no harm
}

func TestTouchesWithinTheDelayShareAStatement(t *testing.T) {
	w := newWorld(t)
	_, err := w.owner.Exec(t.Context(), `CREATE TABLE public.statement (n int);
		CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
		'BEGIN INSERT INTO public.statement VALUES (1); RETURN NULL; END';
		CREATE TRIGGER note AFTER INSERT ON referral.touch FOR EACH STATEMENT EXECUTE FUNCTION public.note()`)
	testworld.Must(t, err)
	q := w.queue(touches.Options{Delay: time.Hour}) // until the end
	for n := range 50 {
		q.Add(touch(fmt.Sprint(n)))
	}
	w.close(q)
	var statements int
	testworld.Must(t, w.owner.QueryRow(t.Context(), "SELECT count(*) FROM public.statement").Scan(&statements))
	if statements != 1 {
		t.Errorf("%d statements", statements)
	}
}

func TestCloseIgnoresThePace(t *testing.T) {
	w := newWorld(t)
	q := w.queue(touches.Options{Group: 10, PerSecond: 1}) // else it would take as many seconds
	for n := range 3000 {
		q.Add(touch(fmt.Sprint(n)))
	}
	w.close(q)
	if got := q.Stats(); got != (touches.Stats{Written: 3000}) {
		t.Errorf("stats: %+v", got)
	}
}

func TestAFullQueueShedsWithoutWaiting(t *testing.T) {
	w := newWorld(t)
	w.proxy.Swallow()
	for name, options := range map[string]touches.Options{
		"of so many touches": {Capacity: 10},
		"of so many bytes":   {Bytes: 13_000},
	} {
		t.Run(name, func(t *testing.T) {
			q := w.queue(options)
			large := touch("x")
			large.LandingURL = strings.Repeat("x", 9000)
			for range 100 {
				q.Add(large)
			}
			got := q.Stats()
			if got.Depth < 10 || got.Depth > 12 || int(got.Shed) != 100-got.Depth {
				t.Errorf("stats: %+v", got)
			}
		})
	}
}

func TestTouchesAreWrittenAfterAnOutage(t *testing.T) {
	w := newWorld(t)
	q := w.queue(touches.Options{})
	w.proxy.Swallow()
	w.proxy.Cut()
	for n := range 10 {
		q.Add(touch(fmt.Sprint(n)))
	}
	w.expect()
	w.proxy.Pass()
	w.close(q)
	w.expect("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
}

func TestARefusedTouchCostsNoOther(t *testing.T) {
	w := newWorld(t)
	q := w.queue(touches.Options{Delay: time.Hour})
	bad := touch("bad")
	bad.Code = "" // no code has no characters
	for _, t := range []touches.Touch{touch("a"), bad, touch("b")} {
		q.Add(t)
	}
	w.close(q)
	w.expect("a", "b")
	if got := q.Stats(); got != (touches.Stats{Written: 2, Refused: 1}) {
		t.Errorf("stats: %+v", got)
	}
}

func TestCloseGivesUpWhenItsContextEnds(t *testing.T) {
	w := newWorld(t)
	q := w.queue(touches.Options{})
	w.proxy.Swallow()
	q.Add(touch("a"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := q.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("closed with %v", err)
	}
	if got := q.Stats(); got.Depth != 1 {
		t.Errorf("stats: %+v", got)
	}
}

// The texts of a touch are parts of its request, which may be long.
func TestWaitingTouchKeepsNoMemoryOfItsRequest(t *testing.T) {
	q := touches.NewQueue(nil, touches.Options{})
	heap := func() uint64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before := heap()
	for n := range 200 {
		request := strings.Repeat("x", 240<<10)
		waiting := touch(fmt.Sprint(n))
		waiting.Code, waiting.LandingURL, waiting.Referer = request[:3], "https://shop.example/"+request, request
		if !q.Add(waiting) {
			t.Fatal("shed")
		}
	}
	if kept := int64(heap() - before); kept > 8<<20 {
		t.Errorf("200 touches keep %d MiB", kept>>20)
	}
	runtime.KeepAlive(q)
}
