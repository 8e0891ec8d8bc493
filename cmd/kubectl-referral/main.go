// Command kubectl-referral is the plugin "kubectl referral". It talks to the API server alone.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"

	"github.com/referral-operator/referral-operator/cmd/kubectl-referral/command"
)

func main() {
	klog.SetLogger(logr.Discard()) // client-go reports there what the command's own error says
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := command.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
