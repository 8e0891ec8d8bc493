package alerts

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// prometheus scrapes every second, with the settings of config/prometheus: over HTTPS, with the
// token of a ServiceAccount that may read metrics.
type prometheus struct {
	testing.TB
	address string
}

// startPrometheus starts it under the shipped rules, shortened.
func startPrometheus(i *installation, program string) *prometheus {
	i.Helper()
	directory := i.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(directory, name)
		testworld.Must(i, os.WriteFile(path, content, 0o600))
		return path
	}
	job := readServiceMonitor(i)
	job["job_name"] = "manager"
	job["authorization"] = map[string]any{"credentials_file": write("token", []byte(i.token("default", "prometheus")))}
	var targets []string
	for _, replica := range i.replicas {
		targets = append(targets, replica.address)
	}
	job["static_configs"] = []any{map[string]any{"targets": targets}}
	config, err := yaml.Marshal(map[string]any{
		"global":     map[string]any{"scrape_interval": "1s", "evaluation_interval": "1s"},
		"rule_files": []string{write("rules.yaml", shortenedRules(i, i.root))},
		"scrape_configs": []any{job, map[string]any{
			"job_name": "tracker", "static_configs": []any{map[string]any{"targets": []string{i.tracker}}},
		}},
	})
	testworld.Must(i, err)
	port, err := testworld.FreePort()
	testworld.Must(i, err)
	p := &prometheus{TB: i.TB, address: fmt.Sprintf("127.0.0.1:%d", port)}
	testworld.Run(i, testworld.ProcessOptions{
		Path: program,
		Args: []string{"--config.file=" + write("prometheus.yaml", config), "--storage.tsdb.path=" + filepath.Join(directory, "data"), "--web.listen-address=" + p.address},
		Dir:  directory,
	})
	return p
}

// readServiceMonitor returns what the shipped ServiceMonitor says about scraping, as Prometheus
// itself is configured.
func readServiceMonitor(i *installation) map[string]any {
	i.Helper()
	content, err := os.ReadFile(filepath.Join(i.root, "config", "prometheus", "service_monitor.yaml"))
	testworld.Must(i, err)
	var monitor struct {
		Spec struct {
			Endpoints []struct {
				Scheme      string
				HonorLabels bool
				TLSConfig   struct{ InsecureSkipVerify bool }
			}
		}
	}
	testworld.Must(i, yaml.Unmarshal(content, &monitor))
	endpoint := monitor.Spec.Endpoints[0]
	return map[string]any{
		"scheme": endpoint.Scheme, "honor_labels": endpoint.HonorLabels,
		"tls_config": map[string]any{"insecure_skip_verify": endpoint.TLSConfig.InsecureSkipVerify},
	}
}

// alert is one that fires.
type alert struct {
	Labels map[string]string
	State  string
}

func (a alert) name() string { return a.Labels["alertname"] }

// String returns the name, and the namespace if there is one.
func (a alert) String() string { return alertOf(a.name(), a.Labels["namespace"]) }

func alertOf(name, namespace string) string { return strings.TrimSuffix(name+" "+namespace, " ") }

// alerts returns all alerts that fire.
func (p *prometheus) alerts() []alert {
	var answer struct{ Data struct{ Alerts []alert } }
	p.get("/api/v1/alerts", &answer)
	return slices.DeleteFunc(answer.Data.Alerts, func(a alert) bool { return a.State != "firing" })
}

// firing returns names and namespaces of the alerts that fire, in order.
func (p *prometheus) firing() []string {
	names := map[string]bool{}
	for _, a := range p.alerts() {
		names[a.String()] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// fired returns names and namespaces of the alerts that have fired since a time, or fire.
func (p *prometheus) fired(since time.Time) []string {
	names := map[string]bool{}
	for _, labels := range p.series(`ALERTS{alertstate="firing"}`, since) {
		names[alert{Labels: labels}.String()] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// series returns the labels of the series that a selector matches and that have samples since a
// time.
func (p *prometheus) series(selector string, since time.Time) []map[string]string {
	var answer struct{ Data []map[string]string }
	p.get("/api/v1/series?match[]="+url.QueryEscape(selector)+"&start="+url.QueryEscape(since.UTC().Format(time.RFC3339Nano)), &answer)
	return answer.Data
}

// find returns the alert of a name and namespace if it fires.
func (p *prometheus) find(name, namespace string) (found alert, ok bool) {
	for _, a := range p.alerts() {
		if a.name() == name && a.Labels["namespace"] == namespace {
			return a, true
		}
	}
	return alert{}, false
}

// broken returns the rules that could not be evaluated.
func (p *prometheus) broken() (errs []string) {
	var answer struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError string }
			}
		}
	}
	p.get("/api/v1/rules", &answer)
	for _, group := range answer.Data.Groups {
		for _, rule := range group.Rules {
			if rule.LastError != "" {
				errs = append(errs, rule.Name+": "+rule.LastError)
			}
		}
	}
	return errs
}

// get reads an answer of the API; none is read while Prometheus starts.
func (p *prometheus) get(path string, answer any) {
	p.Helper()
	response, err := http.Get("http://" + p.address + path)
	if err != nil {
		return
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		testworld.Must(p, json.NewDecoder(response.Body).Decode(answer))
	}
}
