package testworld

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/referral-operator/referral-operator/internal/testworld/binaries"
)

// ControlPlaneOptions say what a control plane has beyond etcd, kube-apiserver and an
// administrator.
type ControlPlaneOptions struct {
	// CRDs are files and directories of CustomResourceDefinitions to install.
	CRDs []string
	// ControllerManager adds a kube-controller-manager: garbage collection, deletion of namespaces,
	// Deployments down to their Pods (which no node runs).
	ControllerManager bool
	// APIServerArgs are added to kube-apiserver's command line.
	APIServerArgs []string
}

// ControlPlane is a running Kubernetes control plane.
type ControlPlane struct {
	options   ControlPlaneOptions
	authority *Authority
	files     planeFiles
	client    *http.Client // trusts this world's authority only

	etcdPort, port               int
	etcd, apiServer, controllers *Process
	config                       *rest.Config
	kubectl                      string
}

// StartControlPlane starts a control plane and returns when it answers and the CRDs are
// established.
func StartControlPlane(ctx context.Context, options ControlPlaneOptions) (*ControlPlane, error) {
	c := &ControlPlane{options: options}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("while starting a control plane: %w", err), c.Stop())
	}
	return c, nil
}

func (c *ControlPlane) start(ctx context.Context) error {
	var err error
	if c.kubectl, err = binaries.ControlPlane(ctx, binaries.Kubectl); err != nil {
		return err
	}
	if err := c.prepareFiles(); err != nil {
		return err
	}
	// Getting the programs may take minutes and has no limit; starting has one.
	limited, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := c.startEtcd(limited); err != nil {
		return err
	}
	if err := c.startAPIServer(limited); err != nil {
		return err
	}
	if c.config, err = c.ConfigFor("admin", "system:masters"); err != nil {
		return err
	}
	if err := WriteKubeconfig(c.files.kubeconfig, c.config); err != nil {
		return err
	}
	if c.options.ControllerManager {
		if err := c.startControllerManager(ctx); err != nil {
			return err
		}
	}
	return c.InstallCRDs(c.options.CRDs...)
}

// Stop ends the processes and removes their files.
func (c *ControlPlane) Stop() error {
	var errs []error
	for _, process := range []*Process{c.controllers, c.apiServer, c.etcd} {
		if process != nil {
			errs = append(errs, process.Kill())
		}
	}
	if c.files.dir != "" {
		errs = append(errs, os.RemoveAll(c.files.dir))
	}
	return errors.Join(errs...)
}

// InstallCRDs installs the CustomResourceDefinitions in these files and directories and returns
// when they are established.
func (c *ControlPlane) InstallCRDs(paths ...string) error {
	if len(paths) == 0 {
		return nil
	}
	_, err := envtest.InstallCRDs(c.config, envtest.CRDInstallOptions{
		Paths: paths, ErrorIfPathMissing: true, MaxTime: time.Minute, PollInterval: 50 * time.Millisecond,
	})
	if err != nil {
		return fmt.Errorf("while installing CRDs: %w", err)
	}
	return nil
}

func (c *ControlPlane) url() string { return "https://" + loopback(c.port) }

// prepareFiles creates the keys and certificates of all servers and clients.
func (c *ControlPlane) prepareFiles() error {
	var err error
	if c.authority, err = NewAuthority("testworld control plane"); err != nil {
		return err
	}
	if c.files, err = writePlaneFiles(c.authority); err != nil {
		return err
	}
	certificate, err := tls.LoadX509KeyPair(c.files.client.certificate, c.files.client.key)
	if err != nil {
		return fmt.Errorf("while loading the probes' certificate: %w", err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(c.authority.PEM())
	c.client = &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: trusted, Certificates: []tls.Certificate{certificate}},
	}}
	return nil
}

// probe requests a URL that answers 200 once its server is ready.
func (c *ControlPlane) probe(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := c.client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return nil
		}
		body, err := io.ReadAll(io.LimitReader(response.Body, 2000))
		return errors.Join(fmt.Errorf("%s answers %s: %s", url, response.Status, body), err)
	}
}
