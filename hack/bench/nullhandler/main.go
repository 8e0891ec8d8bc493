// Command nullhandler redirects every request and does nothing else: it is what the bench holds the
// tracker's redirects against.
package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"
)

func main() {
	server := &http.Server{
		Addr: os.Args[1],
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://mysite.com/")
			w.WriteHeader(http.StatusFound)
		}),
		ReadHeaderTimeout: 10 * time.Second,
	}
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		fmt.Fprintln(os.Stderr, "nullhandler:", err)
		os.Exit(1)
	}
}
