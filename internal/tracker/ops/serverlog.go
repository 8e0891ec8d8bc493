package ops

import (
	"bytes"
	"log"
	"log/slog"
	"regexp"
)

// address is an IP address with its port, as the net package writes it.
var address = regexp.MustCompile(`(\[[0-9a-zA-Z:.%]+\]|\d{1,3}(\.\d{1,3}){3}):\d+`)

// ServerLog is for http.Server.ErrorLog, whose lines have clients' addresses in them.
func ServerLog(to *slog.Logger) *log.Logger {
	return log.New(withoutAddresses{to}, "", 0)
}

type withoutAddresses struct{ to *slog.Logger }

func (w withoutAddresses) Write(line []byte) (int, error) {
	w.to.Warn("Message of net/http", "line", string(address.ReplaceAll(bytes.TrimSpace(line), []byte("a client"))))
	return len(line), nil
}
