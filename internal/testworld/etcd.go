package testworld

import (
	"context"
	"path/filepath"

	"github.com/referral-operator/referral-operator/internal/testworld/binaries"
)

// startEtcd starts a single etcd that accepts TLS only, so that another process on the same port is
// never mistaken for it.
func (c *ControlPlane) startEtcd(ctx context.Context) error {
	path, err := binaries.ControlPlane(ctx, binaries.Etcd)
	if err != nil {
		return err
	}
	for range startAttempts {
		c.etcdPort, err = nextPort()
		if err != nil {
			return err
		}
		url := "https://" + loopback(c.etcdPort)
		c.etcd, err = StartProcess(ProcessOptions{Path: path, Args: []string{
			"--data-dir", filepath.Join(c.files.dir, "etcd"),
			"--listen-client-urls", url,
			"--advertise-client-urls", url,
			"--listen-peer-urls", "http://127.0.0.1:0",
			"--cert-file", c.files.server.certificate,
			"--key-file", c.files.server.key,
			"--trusted-ca-file", c.files.authority,
			"--client-cert-auth",
			"--unsafe-no-fsync",
			"--log-level", "warn",
		}})
		if err != nil {
			return err
		}
		err = c.etcd.waitUntil(ctx, c.probe(url+"/health"))
		if !portTaken(c.etcd) {
			return err
		}
	}
	return errNoPort("etcd")
}
