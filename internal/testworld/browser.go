package testworld

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"github.com/referral-operator/referral-operator/internal/testworld/binaries"
)

// Browser is a headless Chromium with one tab and an empty profile.
type Browser struct {
	*Process
	tools   *devTools
	session string
}

// BrowserOptions say what the browser believes about the network.
type BrowserOptions struct {
	// Hosts are names that lead to 127.0.0.1.
	Hosts []string
	// Trusted is a server certificate that it accepts beside those of public authorities.
	Trusted *KeyPair
}

// StartBrowser starts a Chromium that connects only to the addresses it is given.
func StartBrowser(ctx context.Context, options BrowserOptions) (*Browser, error) {
	program, err := binaries.Chromium.Find(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := scratchDir("chromium")
	if err != nil {
		return nil, err
	}
	arguments := []string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
		"--user-data-dir=" + dir, "--remote-debugging-pipe",
	}
	rules := "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
	for _, host := range options.Hosts {
		rules = "MAP " + host + " 127.0.0.1, " + rules
	}
	arguments = append(arguments, "--host-resolver-rules="+rules)
	if options.Trusted != nil {
		hash, err := publicKeyHash(options.Trusted.Certificate)
		if err != nil {
			return nil, err
		}
		arguments = append(arguments, "--ignore-certificate-errors-spki-list="+hash)
	}
	b := &Browser{}
	if err := b.start(program, arguments); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := b.openTab(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("while starting %s: %w\n%s", program, err, b.logTail(errorLines)), b.Kill())
	}
	return b, nil
}

// start runs the program with one pipe for commands and one for answers, as its descriptors 3 and
// 4.
func (b *Browser) start(program string, arguments []string) error {
	commands, send, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("while making a pipe to the browser: %w", err)
	}
	receive, answers, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("while making a pipe from the browser: %w", err)
	}
	b.Process, err = StartProcess(ProcessOptions{
		Path: program, Args: arguments, files: []*os.File{commands, answers},
	})
	// The browser has its own descriptors of these.
	if err := errors.Join(err, commands.Close(), answers.Close()); err != nil {
		return err
	}
	b.tools = newDevTools(send, receive)
	return nil
}

func (b *Browser) openTab(ctx context.Context) error {
	var target struct {
		ID string `json:"targetId"`
	}
	if err := b.tools.call(ctx, "", "Target.createTarget", map[string]any{"url": "about:blank"}, &target); err != nil {
		return err
	}
	var attached struct {
		Session string `json:"sessionId"`
	}
	err := b.tools.call(ctx, "", "Target.attachToTarget", map[string]any{"targetId": target.ID, "flatten": true}, &attached)
	if err != nil {
		return err
	}
	b.session = attached.Session
	return b.tools.call(ctx, b.session, "Page.enable", nil, nil)
}

// publicKeyHash returns the hash by which Chromium identifies an accepted certificate.
func publicKeyHash(certificate []byte) (string, error) {
	block, _ := pem.Decode(certificate)
	if block == nil {
		return "", errors.New("the certificate for the browser is not in PEM form")
	}
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", fmt.Errorf("while reading the certificate for the browser: %w", err)
	}
	hash := sha256.Sum256(parsed.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(hash[:]), nil
}
