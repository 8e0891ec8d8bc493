package testworld

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// startAttempts is how often a server is started again on another port, because another process
// took the port after it was found free.
const startAttempts = 5

// nextPort is FreePort, except in the test of a port that is taken.
var nextPort = FreePort

// FreePort returns a loopback port that is free at the moment.
//
// It avoids the range that the kernel uses for outgoing connections, so that a server that is
// stopped and started again still finds its port free.
func FreePort() (int, error) {
	const low = 15000
	high := firstEphemeralPort()
	var last error
	for range 100 {
		port := low + rand.IntN(high-low)
		listener, err := net.Listen("tcp", loopback(port))
		if err == nil {
			return port, listener.Close()
		}
		last = err
	}
	return 0, fmt.Errorf("while looking for a free port: %w", last)
}

// FreeAddress returns a loopback address whose port is that of FreePort.
func FreeAddress() (string, error) {
	port, err := FreePort()
	return loopback(port), err
}

func firstEphemeralPort() int {
	const usual = 32768
	content, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return usual
	}
	first, err := strconv.Atoi(strings.Fields(string(content))[0])
	if err != nil || first < 16000 {
		return usual
	}
	return first
}

func loopback(port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// connects returns nil if something takes connections at the address.
func connects(ctx context.Context, address string) error {
	dialer := net.Dialer{Timeout: time.Second}
	connection, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return connection.Close()
}

// portTaken reports whether a server exited because its port was taken.
func portTaken(p *Process) bool {
	return p != nil && !p.Running() && strings.Contains(strings.ToLower(p.Log()), "address already in use")
}

func errNoPort(server string) error {
	return fmt.Errorf("%s found no free port in %d attempts", server, startAttempts)
}
