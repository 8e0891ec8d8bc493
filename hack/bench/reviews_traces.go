package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// reviewManager is a manager with the address of its metrics.
type reviewManager struct {
	process *testworld.Process
	metrics string
}

func startReviewManager(program, kubeconfig string) (*reviewManager, error) {
	address, err := testworld.FreeAddress()
	if err != nil {
		return nil, err
	}
	m := &reviewManager{metrics: address}
	m.process, err = testworld.StartProcess(testworld.ProcessOptions{Path: program, Args: []string{
		"--kubeconfig", kubeconfig, "--leader-elect", "--leader-election-namespace", spaceOf(0),
		"--metrics-bind-address", m.metrics, "--metrics-secure=false", "--health-probe-bind-address", "0",
	}})
	return m, err
}

// awaitMetrics waits until a starting manager serves its metrics.
func (m *reviewManager) awaitMetrics(ctx context.Context) error {
	for end := time.Now().Add(time.Minute); ; {
		_, err := m.footprint(ctx)
		if err == nil || ctx.Err() != nil || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// footprint is what a manager holds in memory.
type footprint struct{ heap, goroutines float64 } // MiB, and a number

// least is the least that each manager held within a period, the largest of all managers. A garbage
// collection, which comes at least every two minutes, makes it what is in use.
func (r *reviewing) least(ctx context.Context, period time.Duration) (footprint, error) {
	least := map[*reviewManager]footprint{}
	for end := time.Now().Add(period); time.Now().Before(end); {
		for _, m := range r.managers {
			now, err := m.footprint(ctx)
			if err != nil {
				return footprint{}, err
			}
			if before, known := least[m]; known {
				now = footprint{min(now.heap, before.heap), min(now.goroutines, before.goroutines)}
			}
			least[m] = now
		}
		if err := r.wait(ctx, time.Second); err != nil {
			return footprint{}, err
		}
	}
	var most footprint
	for _, f := range least {
		most = footprint{max(most.heap, f.heap), max(most.goroutines, f.goroutines)}
	}
	return most, nil
}

// footprint reads the metrics of the Go runtime.
func (m *reviewManager) footprint(ctx context.Context) (f footprint, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+m.metrics+"/metrics", http.NoBody)
	if err != nil {
		return f, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	var heap float64
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		_, _ = fmt.Sscanf(lines.Text(), "go_memstats_heap_alloc_bytes %g", &heap)
		_, _ = fmt.Sscanf(lines.Text(), "go_goroutines %g", &f.goroutines)
	}
	f.heap = heap / (1 << 20)
	if err := lines.Err(); err != nil && !errors.Is(err, io.EOF) {
		return f, fmt.Errorf("while reading the metrics of a manager: %w", err)
	}
	if f.heap == 0 || f.goroutines == 0 {
		return f, errors.New("the manager's metrics have no heap or no goroutines")
	}
	return f, nil
}

// traces are the objects of the API server, and the tables with their numbers of rows.
type traces map[string]bool

// traces lists them, once no review is within its ttl.
func (r *reviewing) traces(ctx context.Context) (traces, error) {
	if err := r.wait(ctx, reviewTTL+time.Second); err != nil {
		return nil, err
	}
	found := traces{}
	kinds, err := r.cluster.Kubectl(ctx, "", "api-resources", "--verbs=list", "--output=name")
	if err != nil {
		return nil, err
	}
	objects, err := r.cluster.Kubectl(ctx, "", "get", strings.Join(strings.Fields(kinds), ","), "--all-namespaces", "--no-headers",
		"--output=custom-columns=K:.kind,S:.metadata.namespace,N:.metadata.name")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(objects) {
		object := strings.Join(strings.Fields(line), " ")
		if !strings.HasPrefix(object, "Event "+spaceOf(0)+" referral-operator.") { // of the lease, whenever another manager leads
			found[object] = true
		}
	}
	return found, r.tables(ctx, found)
}

// tables adds each table with its rows. Heartbeats of managers are left out.
func (r *reviewing) tables(ctx context.Context, found traces) error {
	connection, err := pgx.Connect(ctx, r.own.URI)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close(ctx) }()
	rows, err := connection.Query(ctx, `SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
		WHERE schemaname LIKE 'shop\_%' AND tablename <> 'replica'`)
	if err != nil {
		return err
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, table := range tables {
		var count int64
		if err := connection.QueryRow(ctx, "SELECT count(*) FROM "+table).Scan(&count); err != nil {
			return err
		}
		found[fmt.Sprintf("table %s with %d rows", table, count)] = true
	}
	return nil
}

// beyond lists what there is now and was not before.
func (t traces) beyond(before traces) []string {
	var more []string
	for trace := range t {
		if !before[trace] {
			more = append(more, trace)
		}
	}
	return more
}

// stored counts the reviews of all namespaces.
func (r *reviewing) stored(ctx context.Context) (int, error) {
	var list v1alpha1.RewardReviewList
	err := r.client.List(ctx, &list)
	return len(list.Items), err
}
