package testworld

import (
	"context"
	"strconv"

	"github.com/referral-operator/referral-operator/internal/testworld/binaries"
)

// startControllerManager starts a kube-controller-manager as an administrator. It reconnects to a
// restarted API server by itself.
func (c *ControlPlane) startControllerManager(ctx context.Context) error {
	path, err := binaries.ControlPlane(ctx, binaries.ControllerManager)
	if err != nil {
		return err
	}
	for range startAttempts {
		port, err := nextPort()
		if err != nil {
			return err
		}
		c.controllers, err = StartProcess(ProcessOptions{Path: path, Args: []string{
			"--kubeconfig", c.files.kubeconfig,
			"--bind-address", "127.0.0.1",
			"--secure-port", strconv.Itoa(port),
			"--tls-cert-file", c.files.server.certificate,
			"--tls-private-key-file", c.files.server.key,
			"--leader-elect=false",
			"--service-account-private-key-file", c.files.serviceKey,
			"--root-ca-file", c.files.authority,
			"--use-service-account-credentials=false",
		}})
		if err != nil {
			return err
		}
		starting, cancel := context.WithTimeout(ctx, startTimeout)
		err = c.controllers.waitUntil(starting, c.probe("https://"+loopback(port)+"/healthz"))
		cancel()
		if !portTaken(c.controllers) {
			return err
		}
	}
	return errNoPort("kube-controller-manager")
}
