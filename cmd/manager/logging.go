package main

import (
	"log/slog"

	"github.com/go-logr/logr"
	"go.uber.org/zap/zapcore"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// mostVerbose is the highest verbosity that is logged, whatever --zap-log-level says. At 6
// client-go logs the URL and status of each request, from 7 headers, and from 8 bodies, such as
// those of Secrets.
const mostVerbose = 6

// startLogging sets one structured logger for this process, controller-runtime and client-go.
func startLogging(options options) logr.Logger {
	log := zap.New(zap.UseFlagOptions(&options.zap), capVerbosity)
	ctrl.SetLogger(log)
	klog.SetLogger(log)
	slog.SetDefault(slog.New(logr.ToSlogHandler(log)))
	return log
}

// capVerbosity limits the verbosity of a logger to mostVerbose.
func capVerbosity(o *zap.Options) {
	if o.Level != nil { // nil: the default, which is far below
		o.Level = capped{o.Level}
	}
}

// capped enables the levels of another enabler up to mostVerbose.
type capped struct{ zapcore.LevelEnabler }

func (c capped) Enabled(level zapcore.Level) bool {
	return level >= -mostVerbose && c.LevelEnabler.Enabled(level)
}
