package touches_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/postgres"
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

// refuseBad makes a trigger of the shop's own refuse touches of the code "bad".
func (w *world) refuseBad() {
	w.Helper()
	_, err := w.owner.Exec(w.Context(), `CREATE SEQUENCE public.attempt;
		CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
		'BEGIN IF NEW.code = ''bad'' THEN RAISE EXCEPTION ''attempt %'', nextval(''public.attempt''); END IF; RETURN NEW; END';
		CREATE TRIGGER refuse BEFORE INSERT ON referral.touch FOR EACH ROW EXECUTE FUNCTION public.refuse()`)
	testworld.Must(w, err)
}

// attempts is how often a trigger of the test has run to its count, whatever was rolled back.
func (w *world) attempts() int {
	w.Helper()
	var n int
	testworld.Must(w, w.owner.QueryRow(w.Context(), "SELECT last_value FROM public.attempt").Scan(&n))
	return n
}

func bad(id string) touches.Touch {
	t := touch(id)
	t.Code = "bad"
	return t
}

func TestATouchThatFailsInATriggerCostsNoOther(t *testing.T) {
	for name, does := range map[string]string{
		"it raises an exception":       "RAISE EXCEPTION ''unlucky''",
		"it lacks a right":             "INSERT INTO public.private VALUES (1)",
		"it finds no table":            "INSERT INTO missing VALUES (1)",
		"it takes longer than all may": "PERFORM pg_sleep(60)",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			_, err := w.owner.Exec(w.Context(), `CREATE TABLE public.private (n int);
				CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN `+does+`; RETURN NEW; END';
				CREATE TRIGGER note BEFORE INSERT ON referral.touch FOR EACH ROW WHEN (NEW.code = 'bad') EXECUTE FUNCTION public.note()`)
			testworld.Must(t, err)
			q := w.stopped(touches.Options{})
			q.SetStatementTimeout(time.Second)
			for _, t := range []touches.Touch{touch("a"), bad("b"), touch("c"), touch("d")} {
				q.Add(t)
			}
			go q.Run(context.WithoutCancel(t.Context()))
			w.close(q)
			w.expect("a", "c", "d")
			if got := q.Stats(); got != (touches.Stats{Written: 3, Refused: 1}) {
				t.Errorf("stats: %+v", got)
			}
		})
	}
}

// For instance by a transaction of the shop's that has written its row, and is not committed.
func TestATouchThatIsLockedIsWrittenAfterTheOthers(t *testing.T) {
	w := newWorld(t)
	tx, err := w.owner.Begin(t.Context())
	testworld.Must(t, err)
	defer postgres.Rollback(t.Context(), tx)
	for _, id := range []string{"a", "b"} {
		_, err = tx.Exec(t.Context(), "INSERT INTO referral.touch (visitor_id, touch_id, code) VALUES ('visitor', $1, 'ann1')", id)
		testworld.Must(t, err)
	}
	q := w.queue(touches.Options{Group: 4})
	for _, id := range []string{"a", "b", "c", "d", "e", "f"} {
		q.Add(touch(id))
	}
	w.await(q, "written", func(s touches.Stats) bool { return s.Written == 4 })
	w.expect("c", "d", "e", "f")
	testworld.Must(t, tx.Rollback(t.Context()))
	w.close(q)
	w.expect("a", "b", "c", "d", "e", "f")
	if got := q.Stats(); got != (touches.Stats{Written: 6}) {
		t.Errorf("stats: %+v", got)
	}
}

// While nothing is written, the reason may be another than the touches.
func TestTouchesThatFailForAnUnknownReasonAreKeptUntilOthersAreWritten(t *testing.T) {
	w := newWorld(t)
	w.refuseBad()
	q := w.queue(touches.Options{Group: 2})
	for _, id := range []string{"a", "b", "c"} { // more than a group of them
		q.Add(bad(id))
	}
	w.await(q, "kept", func(s touches.Stats) bool { return s.Depth == 3 && w.attempts() > 8 })
	if got := q.Stats(); got != (touches.Stats{Depth: 3}) {
		t.Errorf("stats: %+v", got)
	}
	q.Add(touch("d"))
	w.await(q, "written", func(s touches.Stats) bool { return s.Written == 1 })
	w.expect("d")
	_, err := w.owner.Exec(t.Context(), "DROP TRIGGER refuse ON referral.touch")
	testworld.Must(t, err)
	w.close(q)
	if got := q.Stats(); got.Written+got.Refused != 4 || got.Refused < 1 || got.Depth != 0 {
		t.Errorf("stats: %+v", got)
	}
}

// Else touches that always fail would keep out all others for ever.
func TestTouchesThatFailForAnUnknownReasonGiveUpTheirPlacesInAFullQueue(t *testing.T) {
	w := newWorld(t)
	w.refuseBad()
	q := w.queue(touches.Options{Capacity: 3})
	for _, id := range []string{"a", "b", "c"} {
		q.Add(bad(id))
	}
	w.await(q, "the next is taken", func(touches.Stats) bool { return q.Add(touch("d")) })
	w.await(q, "written", func(s touches.Stats) bool { return s.Written == 1 })
	w.expect("d")
}

// For instance after an outage, where a trigger of the shop's own takes long for each touch.
func TestGroupThatTakesTooLongIsSplit(t *testing.T) {
	w := newWorld(t)
	_, err := w.owner.Exec(t.Context(), `CREATE SEQUENCE public.attempt;
		CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
		'BEGIN PERFORM pg_sleep(0.02), nextval(''public.attempt''); RETURN NEW; END';
		CREATE TRIGGER slow BEFORE INSERT ON referral.touch FOR EACH ROW EXECUTE FUNCTION public.slow()`)
	testworld.Must(t, err)
	q := w.stopped(touches.Options{})
	q.SetStatementTimeout(time.Second)
	for n := range 100 {
		q.Add(touch(fmt.Sprintf("%03d", n)))
	}
	go q.Run(context.WithoutCancel(t.Context()))
	w.close(q)
	if got := q.Stats(); got != (touches.Stats{Written: 100}) || w.attempts() <= 100 {
		t.Errorf("stats: %+v, after %d rows", got, w.attempts())
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
