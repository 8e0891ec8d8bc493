package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// What owns every schema here; the manager's line lets it take over by the same installation and
// name.
var owner = database.Identity{
	Installation: "default", Name: namespace + "/shop", UID: "5e9c0de0-0000-4000-8000-000000000000",
}

// campaignIdentity identifies the one campaign of every schema here.
var campaignIdentity = database.Campaign{OwnerUID: owner.UID, Name: campaign, UID: "campaign"}

const (
	namespace    = "growth"
	campaign     = "invite-friends"
	connections  = 8                      // of the shop
	pollInterval = 100 * time.Millisecond // the engine's default
)

// shop is a database with the schema, a declared campaign and the roles' connections.
type shop struct {
	own    *testworld.Database
	db     *postgres.DB  // the operator
	writer *pgxpool.Pool // the shop's plain role
}

// newShop makes a shop without facts.
func (w *world) newShop(ctx context.Context) (*shop, error) {
	own, err := w.postgres.CreateDatabase(ctx)
	if err != nil {
		return nil, err
	}
	s, err := open(ctx, own)
	if err != nil {
		return nil, err
	}
	if err := s.declare(ctx); err != nil {
		return nil, errors.Join(err, s.drop(ctx))
	}
	return s, nil
}

// copyOf makes a shop that is like the template.
func (w *world) copyOf(ctx context.Context, template *testworld.Template) (*shop, error) {
	own, err := w.postgres.CreateDatabaseFrom(ctx, template)
	if err != nil {
		return nil, err
	}
	return open(ctx, own)
}

func open(ctx context.Context, own *testworld.Database) (*shop, error) {
	db, err := postgres.Open(ctx, postgres.Config{URI: own.URI, Schema: postgres.DefaultSchema})
	if err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(own.WriterURI)
	if err != nil {
		db.Close()
		return nil, errors.New("the writer's URI cannot be parsed")
	}
	config.MaxConns = connections
	writer, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		db.Close()
		return nil, err
	}
	return &shop{own: own, db: db, writer: writer}, nil
}

// drop closes the shop and removes its database.
func (s *shop) drop(ctx context.Context) error {
	s.close()
	return s.own.Drop(context.WithoutCancel(ctx))
}

func (s *shop) close() {
	s.writer.Close()
	s.db.Close()
}

// declare does what the controllers do before the first fact.
func (s *shop) declare(ctx context.Context) error {
	if err := database.Migrate(ctx, s.db); err != nil {
		return err
	}
	if _, err := database.Claim(ctx, s.db, owner, ""); err != nil {
		return err
	}
	if err := database.GrantRoles(ctx, s.db, owner.UID, 0, database.Roles{Writers: []string{testworld.WriterRole}}); err != nil {
		return err
	}
	declaration, err := declarationOf(fiveDollars(), 1)
	if err != nil {
		return err
	}
	_, err = database.Declare(ctx, s.db, declaration)
	return err
}

// declarationOf is what a controller declares of a campaign and policy of that generation.
func declarationOf(terms reward.Terms, generation int64) (database.Declaration, error) {
	text, err := json.Marshal(terms)
	if err != nil {
		return database.Declaration{}, fmt.Errorf("while encoding the terms: %w", err)
	}
	return database.Declaration{
		Campaign: campaignIdentity, Mode: database.Open, AttributionWindow: 720 * time.Hour,
		Destination: "https://mysite.com/", Generation: generation,
		Policy: database.Policy{Name: "five-dollars", UID: "policy", Generation: generation},
		Digest: terms.Digest(), Terms: text, Scope: "NewPairs", PairsPerReferrer: terms.Limits.PairsPerReferrer,
	}, nil
}

// fiveDollars is the policy of the README's first sentence.
func fiveDollars() reward.Terms {
	return reward.Terms{
		Purchases: reward.FirstPurchase,
		Rewards:   []reward.Reward{{Name: "inviter", Beneficiary: reward.ToReferrer, Fixed: &reward.Money{Amount: 500, Currency: "USD"}}},
	}
}

// newEngine is an engine as the manager has it.
func (s *shop) newEngine() *engine.Engine {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	return engine.New(s.db, engine.Options{OwnerUID: owner.UID, PollInterval: pollInterval, Log: log})
}

// drain runs a new engine until the change queue is empty, and returns how long that took. The
// queue has this number of referees.
func (s *shop) drain(ctx context.Context, referees int) (time.Duration, error) {
	const look = 10 * time.Millisecond
	e := s.newEngine()
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	began := time.Now()
	ended := make(chan error, 1)
	go func() { ended <- e.Run(running) }()
	for {
		select {
		case err := <-ended:
			return 0, errors.Join(errors.New("the engine ended before its work"), err)
		case <-time.After(look):
		}
		// Asking the engine first keeps this from being work for the server.
		if e.Stats().Referees < uint64(referees) {
			continue
		}
		pending := true
		if err := s.db.QueryRow(ctx, "SELECT EXISTS (SELECT FROM referral.change)").Scan(&pending); err != nil {
			return 0, err
		}
		if !pending {
			took := time.Since(began)
			cancel()
			return took, <-ended
		}
	}
}

// tidy does what autovacuum would do in time.
func (s *shop) tidy(ctx context.Context) error {
	plain, err := pgx.Connect(ctx, s.own.URI) // it cannot run in a transaction
	if err != nil {
		return err
	}
	_, err = plain.Exec(ctx, "VACUUM (ANALYZE)")
	return errors.Join(err, plain.Close(ctx))
}
