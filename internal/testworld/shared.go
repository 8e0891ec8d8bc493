package testworld

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/referral-operator/referral-operator/internal/testworld/binaries"
)

// shared are the servers that all tests of this process share. The first use starts each.
var shared struct {
	sync.Mutex
	controlPlane *ControlPlane
	postgres     *Postgres
}

// SharedControlPlane returns this process's control plane with the CRDs of this repository.
func SharedControlPlane(ctx context.Context) (*ControlPlane, error) {
	shared.Lock()
	defer shared.Unlock()
	if shared.controlPlane != nil {
		return shared.controlPlane, nil
	}
	crds, err := CRDs()
	if err != nil {
		return nil, err
	}
	controlPlane, err := StartControlPlane(ctx, ControlPlaneOptions{CRDs: []string{crds}})
	if err != nil {
		return nil, err
	}
	shared.controlPlane = controlPlane
	return controlPlane, nil
}

// SharedPostgres returns this process's Postgres, or the server of DATABASE_URL if set.
func SharedPostgres(ctx context.Context) (*Postgres, error) {
	shared.Lock()
	defer shared.Unlock()
	if shared.postgres != nil {
		return shared.postgres, nil
	}
	postgres, err := FindPostgres(ctx, PostgresOptions{})
	if err != nil {
		return nil, err
	}
	shared.postgres = postgres
	return postgres, nil
}

// CRDs returns the directory of this repository's generated CRDs.
func CRDs() (string, error) {
	root, err := binaries.ModuleRoot()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, "config", "crd", "bases"), nil
}

// StopAll stops the shared servers and removes all files of this process's test world. The caller
// stops its own servers before.
func StopAll(ctx context.Context) error {
	shared.Lock()
	defer shared.Unlock()
	var errs []error
	if shared.controlPlane != nil {
		errs = append(errs, shared.controlPlane.Stop())
		shared.controlPlane = nil
	}
	if shared.postgres != nil {
		if shared.postgres.Borrowed() {
			errs = append(errs, shared.postgres.dropTemplates(ctx))
		}
		errs = append(errs, shared.postgres.Stop())
		shared.postgres = nil
	}
	errs = append(errs, removeScratch())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("while stopping the test world: %w", err)
	}
	return nil
}
