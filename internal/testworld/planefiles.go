package testworld

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
)

// planeFiles are the files that the programs of one control plane read.
type planeFiles struct {
	dir              string
	authority        string
	server           keyFiles // of etcd and kube-apiserver
	client           keyFiles // of kube-apiserver towards etcd, and of the probes
	serviceKey       string   // signs ServiceAccount tokens
	servicePublicKey string
	kubeconfig       string // of an administrator
}

type keyFiles struct{ certificate, key string }

func writePlaneFiles(authority *Authority) (planeFiles, error) {
	dir, err := scratchDir("control-plane")
	if err != nil {
		return planeFiles{}, err
	}
	files := planeFiles{
		dir:              dir,
		authority:        filepath.Join(dir, "ca.crt"),
		serviceKey:       filepath.Join(dir, "service-account.key"),
		servicePublicKey: filepath.Join(dir, "service-account.pub"),
		kubeconfig:       filepath.Join(dir, "kubeconfig"),
	}
	if err := os.WriteFile(files.authority, authority.PEM(), 0o644); err != nil {
		return files, fmt.Errorf("while writing the control plane's authority: %w", err)
	}
	server, err := authority.Server("127.0.0.1", "localhost", "kubernetes.default.svc")
	if err != nil {
		return files, err
	}
	if files.server, err = server.write(dir, "server"); err != nil {
		return files, err
	}
	client, err := authority.Client("testworld", "system:masters")
	if err != nil {
		return files, err
	}
	if files.client, err = client.write(dir, "client"); err != nil {
		return files, err
	}
	return files, files.writeServiceAccountKeys()
}

func (f planeFiles) writeServiceAccountKeys() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("while making the key for ServiceAccount tokens: %w", err)
	}
	private, err := privateKeyPEM(key)
	if err != nil {
		return err
	}
	public, err := publicKeyPEM(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(f.serviceKey, private, 0o600); err != nil {
		return fmt.Errorf("while writing the key for ServiceAccount tokens: %w", err)
	}
	if err := os.WriteFile(f.servicePublicKey, public, 0o644); err != nil {
		return fmt.Errorf("while writing the public key for ServiceAccount tokens: %w", err)
	}
	return nil
}
