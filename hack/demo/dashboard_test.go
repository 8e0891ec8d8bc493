package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/testworld/binaries"
)

// The story leaves something to see on every panel of the dashboard. A real Prometheus scrapes
// manager and tracker meanwhile.
func TestNoPanelOfTheDashboardIsEmpty(t *testing.T) {
	program := testworld.Need(t, binaries.Prometheus)
	var out bytes.Buffer
	w := &world{screen: &screen{out: &out}}
	for _, port := range []*int{&w.managerMetrics, &w.trackerMetrics} {
		free, err := testworld.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		*port = free
	}
	defer func() {
		if err := w.close(); err != nil {
			t.Error(err)
		}
	}()
	if err := w.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	address := startPrometheus(t, program, w)
	story, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	w.abandon = cancel
	if err := play(story, w); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	// A series begins with its first request, so only the second one shows as an increase.
	if err := w.call(story, http.MethodGet, "/v1/referrers/alice/balance", "", nil); err != nil {
		t.Fatal(err)
	}
	panels := readPanels(t, w.root, "15m")
	for title, expressions := range panels {
		for _, expression := range expressions {
			if err := awaitSamples(t.Context(), address, expression); err != nil {
				t.Errorf("panel %q: %s: %v", title, expression, err)
			}
		}
	}
	if path := os.Getenv("DASHBOARD_SVG"); path != "" { // redraws docs/dashboard.svg
		picture := drawPanels(t, address, readPanels(t, w.root, "10s"), began)
		if err := os.WriteFile(path, []byte(picture), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// startPrometheus scrapes manager and tracker each second, and returns its address.
func startPrometheus(t *testing.T, program string, w *world) string {
	t.Helper()
	port, err := testworld.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: referral\n  honor_labels: true\n"+
		"  static_configs: [{targets: ['127.0.0.1:%d', '127.0.0.1:%d']}]\n", w.managerMetrics, w.trackerMetrics)
	path := filepath.Join(w.scratch, "prometheus.yml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	process, err := testworld.StartProcess(testworld.ProcessOptions{
		Path: program,
		Args: []string{"--config.file=" + path, "--storage.tsdb.path=" + filepath.Join(w.scratch, "tsdb"), "--web.listen-address=" + address},
		Dir:  w.scratch,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := process.Kill(); err != nil {
			t.Error(err)
		}
	})
	return address
}

// readPanels returns the expressions of each panel, over all objects, with rates over a window.
func readPanels(t *testing.T, root, window string) map[string][]string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, "config", "grafana", "dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(content, &dashboard); err != nil {
		t.Fatal(err)
	}
	panels := map[string][]string{}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			expression := strings.NewReplacer("$__rate_interval", window, "$namespace", ".*", "$campaign", ".*").Replace(target.Expr)
			panels[panel.Title] = append(panels[panel.Title], expression)
		}
	}
	return panels
}

// awaitSamples waits until a query has a sample that is a number.
func awaitSamples(ctx context.Context, address, expression string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		found, err := hasSamples(ctx, address, expression)
		if found {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no data: %w", err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func hasSamples(ctx context.Context, address, expression string) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet,
		"http://"+address+"/api/v1/query?query="+url.QueryEscape(expression), nil)
	if err != nil {
		return false, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	var answer struct {
		Error string
		Data  struct {
			Result []struct{ Value [2]any }
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return false, err
	}
	for _, sample := range answer.Data.Result {
		if sample.Value[1] != "NaN" {
			return true, nil
		}
	}
	return false, fmt.Errorf("%d results, none of them a number; %s", len(answer.Data.Result), answer.Error)
}
