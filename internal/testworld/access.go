package testworld

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// Config returns an administrator's client configuration, as a copy.
func (c *ControlPlane) Config() *rest.Config { return rest.CopyConfig(c.config) }

// Kubeconfig returns the path of an administrator's kubeconfig file.
func (c *ControlPlane) Kubeconfig() string { return c.files.kubeconfig }

// KubectlPath returns the path of this control plane's kubectl.
func (c *ControlPlane) KubectlPath() string { return c.kubectl }

// ConfigFor returns the client configuration of a user with this name and these groups, by
// certificate.
func (c *ControlPlane) ConfigFor(user string, groups ...string) (*rest.Config, error) {
	pair, err := c.authority.Client(user, groups...)
	if err != nil {
		return nil, err
	}
	config := c.anonymous()
	config.CertData, config.KeyData = pair.Certificate, pair.Key
	return config, nil
}

// ConfigForToken returns the client configuration for a bearer token, for example a
// ServiceAccount's.
func (c *ControlPlane) ConfigForToken(token string) *rest.Config {
	config := c.anonymous()
	config.BearerToken = token
	return config
}

func (c *ControlPlane) anonymous() *rest.Config {
	return &rest.Config{
		Host:            c.url(),
		TLSClientConfig: rest.TLSClientConfig{CAData: c.authority.PEM()},
		QPS:             -1, // tests wait for servers, not for client-side limits
	}
}

// WriteKubeconfig writes a client configuration as a kubeconfig file.
func WriteKubeconfig(path string, config *rest.Config) error {
	const name = "testworld"
	file := api.NewConfig()
	file.Clusters[name] = &api.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	file.AuthInfos[name] = &api.AuthInfo{
		ClientCertificateData: config.CertData, ClientKeyData: config.KeyData, Token: config.BearerToken,
	}
	file.Contexts[name] = &api.Context{Cluster: name, AuthInfo: name}
	file.CurrentContext = name
	if err := clientcmd.WriteToFile(*file, path); err != nil {
		return fmt.Errorf("while writing a kubeconfig: %w", err)
	}
	return nil
}

// Kubectl runs kubectl as administrator and returns what it printed to both outputs. Manifests can
// be passed with "-f", "-" and input.
func (c *ControlPlane) Kubectl(ctx context.Context, input string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.kubectl, append([]string{"--kubeconfig", c.files.kubeconfig}, args...)...)
	// What kubectl remembers of a server goes with the server, not into a home directory or,
	// without one, into the tree.
	cmd.Env = append(os.Environ(), "KUBECACHEDIR="+filepath.Join(c.files.dir, "kubectl"))
	cmd.Stdin = strings.NewReader(input)
	cmd.WaitDelay = time.Second
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return output.String(), fmt.Errorf("while running kubectl %s: %w\n%s", strings.Join(args, " "), err, output.String())
	}
	return output.String(), nil
}
