package testworld

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/referral-operator/referral-operator/internal/testworld/binaries"
)

// Nginx is a running nginx with one configuration.
type Nginx struct {
	*Process
	Address string // host:port that it listens on
}

// NginxOptions say what an nginx does.
type NginxOptions struct {
	// HTTP is the content of the http block, for the address to listen on.
	HTTP func(address string) string
	// Certificate, if any, is in server.crt and server.key beside the configuration.
	Certificate *KeyPair
}

// StartNginx starts an nginx and returns when it takes connections.
func StartNginx(ctx context.Context, options NginxOptions) (*Nginx, error) {
	program, err := binaries.Nginx.Find(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := scratchDir("nginx")
	if err != nil {
		return nil, err
	}
	if options.Certificate != nil {
		if _, err := options.Certificate.write(dir, "server"); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for range startAttempts {
		port, err := nextPort()
		if err != nil {
			return nil, err
		}
		nginx := &Nginx{Address: loopback(port)}
		configuration := filepath.Join(dir, "nginx.conf")
		if err := os.WriteFile(configuration, []byte(nginxConfiguration(options.HTTP(nginx.Address))), 0o600); err != nil {
			return nil, fmt.Errorf("while writing the configuration of nginx: %w", err)
		}
		nginx.Process, err = StartProcess(ProcessOptions{
			Path: program, Args: []string{"-p", dir, "-c", configuration, "-e", "stderr"}, Dir: dir,
		})
		if err != nil {
			return nil, err
		}
		err = nginx.waitUntil(ctx, func(ctx context.Context) error { return connects(ctx, nginx.Address) })
		if !portTaken(nginx.Process) {
			if err != nil {
				err = errors.Join(err, nginx.Kill())
			}
			return nginx, err
		}
	}
	return nil, errNoPort("nginx")
}

// nginxConfiguration wraps the http block in a configuration with one process, which leaves no
// worker when it is killed and writes only to its own directory.
func nginxConfiguration(http string) string {
	var temporary strings.Builder
	for _, of := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temporary, "%s_temp_path temp_%s;\n", of, of)
	}
	return "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr warn;\n" +
		"events { worker_connections 512; }\nhttp {\naccess_log off;\n" + temporary.String() + http + "\n}\n"
}
