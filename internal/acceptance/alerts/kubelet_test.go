package alerts

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// kubelet stands in for a node: it shows processes as pods of the manager's Deployment, and serves
// their logs, so that the runbooks' commands run as they are.
type kubelet struct {
	*installation

	mu        sync.Mutex
	processes map[string]*testworld.Process // by pod
}

// startKubelet registers a node.
func startKubelet(i *installation) *kubelet {
	i.Helper()
	k := &kubelet{installation: i, processes: map[string]*testworld.Process{}}
	authority, err := testworld.NewAuthority("a node")
	testworld.Must(i, err)
	pair, err := authority.Server("127.0.0.1")
	testworld.Must(i, err)
	certificate, err := tls.X509KeyPair(pair.Certificate, pair.Key)
	testworld.Must(i, err)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	testworld.Must(i, err)
	i.Cleanup(func() { _ = listener.Close() })
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", k.serveLog)
	go func() { _ = http.Serve(listener, mux) }()

	address, _ := listener.Addr().(*net.TCPAddr)
	i.kubectl(`{apiVersion: v1, kind: Node, metadata: {name: node}}`, "create", "--filename", "-")
	i.kubectl("", "patch", "node", "node", "--subresource=status", "--type=merge", "--patch", fmt.Sprintf(
		`{"status": {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}], "daemonEndpoints": {"kubeletEndpoint": {"Port": %d}}}}`, address.Port))
	return k
}

func (k *kubelet) serveLog(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	process := k.processes[r.PathValue("pod")]
	k.mu.Unlock()
	if process == nil {
		http.NotFound(w, r)
		return
	}
	log := strings.SplitAfter(process.Log(), "\n")
	var lines int
	if _, err := fmt.Sscan(r.URL.Query().Get("tailLines"), &lines); err == nil && len(log) > lines {
		log = log[len(log)-lines-1:]
	}
	_, _ = fmt.Fprint(w, strings.Join(log, ""))
}

// run shows a process as a running pod.
func (k *kubelet) run(name string, process *testworld.Process) {
	k.Helper()
	k.mu.Lock()
	known := k.processes[name] != nil
	k.processes[name] = process
	k.mu.Unlock()
	if known {
		return
	}
	var deployment struct {
		Spec struct{ Template map[string]any }
	}
	testworld.Must(k, json.Unmarshal([]byte(k.kubectl("", "get", "deployment", "referral-operator-manager", "--namespace", system, "--output", "json")), &deployment))
	pod := deployment.Spec.Template
	metadata, _ := pod["metadata"].(map[string]any)
	spec, _ := pod["spec"].(map[string]any)
	metadata["name"], spec["nodeName"] = name, "node"
	pod["apiVersion"], pod["kind"] = "v1", "Pod"
	content, err := json.Marshal(pod)
	testworld.Must(k, err)
	k.kubectl(string(content), "create", "--namespace", system, "--filename", "-")
	k.ready(name, true)
}

// ready shows a running pod as ready or not.
func (k *kubelet) ready(name string, ready bool) {
	k.Helper()
	k.kubectl("", "patch", "pod", name, "--namespace", system, "--subresource=status", "--type=merge", "--patch", fmt.Sprintf(
		`{"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "%s"}], "containerStatuses": [{"name": "manager",
		"image": "manager", "imageID": "manager", "ready": %t, "restartCount": 0, "state": {"running": {}}}]}}`,
		map[bool]string{true: "True", false: "False"}[ready], ready))
}

// remove removes the pod of a process that has ended.
func (k *kubelet) remove(name string) {
	k.Helper()
	k.mu.Lock()
	delete(k.processes, name)
	k.mu.Unlock()
	k.kubectl("", "delete", "pod", name, "--namespace", system, "--grace-period=0", "--force")
}
