package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"

	"github.com/referral-operator/referral-operator/internal/tracker/api"
	"github.com/referral-operator/referral-operator/internal/tracker/secretfile"
	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

// secrets are what the files say at the moment.
type secrets struct {
	keys       func() *visitor.Keys
	tokens     func() *api.Tokens
	addressKey func() []byte // nil: addresses are not hashed
}

// readSecrets reads the files and follows them until ctx ends.
func readSecrets(ctx context.Context, options options, log *slog.Logger) (secrets, error) {
	var (
		s   secrets
		err error
	)
	if s.keys, err = watchKeys(ctx, options.keysFile, log); err != nil {
		return s, fmt.Errorf("--keys-file: %w", err)
	}
	if s.tokens, err = watchTokens(ctx, options.tokensFile, log); err != nil {
		return s, fmt.Errorf("--tokens-file: %w", err)
	}
	if options.addressKeyFile != "" {
		file, err := secretfile.Watch(ctx, options.addressKeyFile, parseAddressKey, log)
		if err != nil {
			return s, fmt.Errorf("--address-key-file: %w", err)
		}
		s.addressKey = file.Get
	}
	return s, nil
}

func watchKeys(ctx context.Context, path string, log *slog.Logger) (func() *visitor.Keys, error) {
	if path != "" {
		file, err := secretfile.Watch(ctx, path, visitor.ParseKeys, log)
		if err != nil {
			return nil, err
		}
		return file.Get, nil
	}
	log.Warn("No --keys-file: visitors are remembered until this process ends, and by no other replica")
	keys, err := visitor.ParseKeys([]byte(randomKey()))
	if err != nil {
		return nil, err
	}
	return func() *visitor.Keys { return keys }, nil
}

func watchTokens(ctx context.Context, path string, log *slog.Logger) (func() *api.Tokens, error) {
	if path != "" {
		file, err := secretfile.Watch(ctx, path, api.ParseTokens, log)
		if err != nil {
			return nil, err
		}
		return file.Get, nil
	}
	log.Warn("No --tokens-file: nobody may use /v1")
	none := new(api.Tokens)
	return func() *api.Tokens { return none }, nil
}

func randomKey() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return hex.EncodeToString(key)
}

func parseAddressKey(content []byte) ([]byte, error) {
	const shortest = 16
	key := bytes.TrimSpace(content)
	if len(key) < shortest {
		return nil, errors.New("the key is shorter than 16 characters: openssl rand -hex 32 makes one")
	}
	return key, nil
}
