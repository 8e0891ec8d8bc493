package testworld

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld/binaries"
)

// startAPIServer starts kube-apiserver on its earlier port, or on a free port the first time.
func (c *ControlPlane) startAPIServer(ctx context.Context) error {
	path, err := binaries.ControlPlane(ctx, binaries.APIServer)
	if err != nil {
		return err
	}
	chosen := c.port != 0
	for range startAttempts {
		if !chosen {
			if c.port, err = nextPort(); err != nil {
				return err
			}
		}
		c.apiServer, err = StartProcess(ProcessOptions{Path: path, Args: c.apiServerArgs()})
		if err != nil {
			return err
		}
		err = c.apiServer.waitUntil(ctx, c.probe(c.url()+"/readyz"))
		if !portTaken(c.apiServer) {
			return err
		}
	}
	return errNoPort("kube-apiserver")
}

func (c *ControlPlane) apiServerArgs() []string {
	args := []string{
		"--etcd-servers", "https://" + loopback(c.etcdPort),
		"--etcd-cafile", c.files.authority,
		"--etcd-certfile", c.files.client.certificate,
		"--etcd-keyfile", c.files.client.key,
		"--bind-address", "127.0.0.1",
		"--secure-port", strconv.Itoa(c.port),
		"--tls-cert-file", c.files.server.certificate,
		"--tls-private-key-file", c.files.server.key,
		"--client-ca-file", c.files.authority,
		"--authorization-mode", "RBAC",
		"--service-account-issuer", "https://kubernetes.default.svc",
		"--service-account-key-file", c.files.servicePublicKey,
		"--service-account-signing-key-file", c.files.serviceKey,
		"--service-cluster-ip-range", "10.0.0.0/24",
		// No node has to reach it, and a loopback address would be refused.
		"--endpoint-reconciler-type", "none",
		"--profiling=false",
	}
	if !c.options.ControllerManager {
		// No controller creates the default ServiceAccounts that this plugin requires.
		args = append(args, "--disable-admission-plugins", "ServiceAccount")
	}
	return append(args, c.options.APIServerArgs...)
}

// APIServer returns the running kube-apiserver, for tests that pause it with a signal. It is
// another process after each start.
func (c *ControlPlane) APIServer() *Process { return c.apiServer }

// StopAPIServer stops the API server; etcd keeps everything.
func (c *ControlPlane) StopAPIServer() error {
	if c.apiServer == nil {
		return nil
	}
	// An orderly stop waits up to a minute for clients that watch. Clients see no difference.
	return c.apiServer.Kill()
}

// StartAPIServer starts the API server again on the same port, and returns when it is ready.
func (c *ControlPlane) StartAPIServer(ctx context.Context) error {
	if c.apiServer != nil && c.apiServer.Running() {
		return errors.New("the API server is already running")
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return c.startAPIServer(ctx)
}

// startTimeout is generous: machines are slow and shared.
const startTimeout = 2 * time.Minute
