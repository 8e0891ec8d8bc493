package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/referral-operator/referral-operator/internal/tracker/api"
	"github.com/referral-operator/referral-operator/internal/tracker/secretfile"
	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

// secrets are the values of the files now in force.
type secrets struct {
	runs       []func(context.Context) error // read the files again until their context ends
	keys       func() *visitor.Keys
	tokens     func() *api.Tokens
	addressKey func() []byte          // nil: addresses are not hashed
	trusting   func() *pgxpool.Config // trusts the database's authorities; nil: sslmode decides
}

// readSecrets reads the files.
func readSecrets(options options, log *slog.Logger) (secrets, error) {
	var (
		s   secrets
		err error
	)
	if s.keys, err = s.openKeys(options.keysFile, log); err != nil {
		return s, fmt.Errorf("--keys-file: %w", err)
	}
	if s.tokens, err = s.openTokens(options.tokensFile, log); err != nil {
		return s, fmt.Errorf("--tokens-file: %w", err)
	}
	if options.addressKeyFile != "" {
		file, err := secretfile.Open(options.addressKeyFile, parseAddressKey, log)
		if err != nil {
			return s, fmt.Errorf("--address-key-file: %w", err)
		}
		s.addressKey, s.runs = file.Get, append(s.runs, file.Run)
	}
	if options.databaseCAFile != "" {
		file, err := secretfile.Open(options.databaseCAFile, options.trustingAuthorities, log)
		if err != nil {
			return s, fmt.Errorf("--database-ca-file: %w", err)
		}
		s.trusting, s.runs = file.Get, append(s.runs, file.Run)
	}
	return s, nil
}

func (s *secrets) openKeys(path string, log *slog.Logger) (func() *visitor.Keys, error) {
	if path != "" {
		file, err := secretfile.Open(path, visitor.ParseKeys, log)
		if err != nil {
			return nil, err
		}
		s.runs = append(s.runs, file.Run)
		return file.Get, nil
	}
	log.Warn("No --keys-file: visitors' tokens are valid in this process only")
	keys, err := visitor.ParseKeys([]byte(randomKey()))
	if err != nil {
		return nil, err
	}
	return func() *visitor.Keys { return keys }, nil
}

func (s *secrets) openTokens(path string, log *slog.Logger) (func() *api.Tokens, error) {
	if path != "" {
		// An emptied file revokes its tokens, and links work without them.
		file, err := secretfile.OpenRevocable(path, api.ParseTokens, new(api.Tokens), log)
		if err != nil {
			return nil, err
		}
		s.runs = append(s.runs, file.Run)
		return file.Get, nil
	}
	log.Warn("No --tokens-file: /v1 refuses every request")
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
