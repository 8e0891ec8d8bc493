package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

//go:embed reviews.yaml
var reviewsShop string

const (
	reviewReplicas = 3
	reviewSpaces   = 4 // namespaces, each with a database: 20 a second of one namespace are answered
	reviewPeriod   = 90 * time.Second
	reviewsAsked   = 10_000
	reviewPace     = time.Second / 10 // between two of one namespace

	// reviewTTL is how long reviews are kept that the operator deletes.
	reviewTTL = 10 * time.Second
)

// reviews measures reviews with three managers: the first question to a database that has long been
// idle; ten questions a second while one manager is killed; and what ten thousand questions leave
// behind, half of them deleted by the operator, some of these while no manager ran.
func reviews(ctx context.Context, w *world) (all []series, err error) {
	r := &reviewing{many: &many{world: w}}
	defer func() { err = errors.Join(err, r.close(ctx)) }()
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	idle := time.Duration(float64(untilIdle) * min(1, w.scale))
	w.say("waiting %s until the databases are idle", idle)
	before, err := r.least(ctx, idle)
	if err != nil {
		return nil, err
	}
	first, err := r.first(ctx)
	if err != nil {
		return nil, err
	}
	took, err := r.whileOneIsKilled(ctx)
	if err != nil {
		return nil, err
	}
	w.say("half are answered within %.0f ms, 99%% within %.0f ms, all within %.0f ms",
		1000*took.median(), 1000*took.quantile(0.99), 1000*took.quantile(1))
	traces, err := r.traces(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.askMany(ctx); err != nil {
		return nil, err
	}
	wrong := r.wrong()
	w.say("waiting %s for the managers' garbage collectors", idle)
	after, err := r.least(ctx, idle)
	if err != nil {
		return nil, err
	}
	if err := r.expireWithoutManagers(ctx); err != nil {
		return nil, err
	}
	left, err := r.traces(ctx)
	if err != nil {
		return nil, err
	}
	for _, trace := range left.beyond(traces) {
		w.say("left behind: %s", trace)
	}
	w.say("heap of the managers: %.1f MiB before, %.1f MiB after; goroutines: %.0f, %.0f", before.heap, after.heap, before.goroutines, after.goroutines)
	return []series{
		{first.quantile(1)}, {took.quantile(0.99)}, {wrong}, {float64(len(left.beyond(traces)))},
		{after.heap - before.heap}, {after.goroutines - before.goroutines},
	}, nil
}

// reviewing is three managers, and namespaces with a shop each that questions are about.
type reviewing struct {
	*many
	managers []*reviewManager
	answers  *answers
}

func spaceOf(n int) string { return fmt.Sprintf("%s-%d", namespace, n) }

// prepare starts everything, and has one friend buy once in each shop.
func (r *reviewing) prepare(ctx context.Context) (err error) {
	if r.own, err = r.postgres.CreateDatabase(ctx); err != nil {
		return err
	}
	r.say("starting a control plane and %d managers", reviewReplicas)
	if err := r.startCluster(ctx); err != nil {
		return err
	}
	for n := range reviewSpaces {
		if _, err := r.cluster.Kubectl(ctx, fmt.Sprintf(reviewsShop, spaceOf(n), r.own.URI, schemaOf(n)), "apply", "--server-side", "-f", "-"); err != nil {
			return err
		}
	}
	for range reviewReplicas {
		if err := r.addManager(); err != nil {
			return err
		}
	}
	if err := r.awaitServed(ctx); err != nil {
		return err
	}
	writer, err := pgxpool.New(ctx, r.own.WriterURI)
	if err != nil {
		return fmt.Errorf("while opening the shop's connection: %w", err)
	}
	defer writer.Close()
	for n := range reviewSpaces {
		if err := buyOnce(ctx, writer, schemaOf(n)); err != nil {
			return err
		}
	}
	r.answers, err = watchAnswers(ctx, r.client)
	return err
}

// buyOnce records a friend's signup and purchase.
func buyOnce(ctx context.Context, writer *pgxpool.Pool, schema postgres.Schema) error {
	return pgx.BeginFunc(ctx, writer, func(tx pgx.Tx) error {
		for _, sql := range []string{
			"INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('alice', 'invite-friends', 'alice')",
			"INSERT INTO referral.signup (user_id, code) VALUES ('bob', 'alice')",
			"INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('bob', 'order', 2500, 'USD')",
		} {
			if _, err := tx.Exec(ctx, schema.Qualify(sql)); err != nil {
				return fmt.Errorf("while buying in schema %s: %w", schema, err)
			}
		}
		return nil
	})
}

// first asks one question of each idle database.
func (r *reviewing) first(ctx context.Context) (series, error) {
	var took series
	for n := range reviewSpaces {
		answered, err := r.ask(ctx, n, 1, -1)
		if err != nil {
			return nil, err
		}
		took = append(took, answered...)
	}
	r.say("the first questions took up to %.0f ms", 1000*took.quantile(1))
	return took, nil
}

// whileOneIsKilled asks ten questions a second of one database, and kills a manager at a third of
// the time. At the end another one takes its place.
func (r *reviewing) whileOneIsKilled(ctx context.Context) (series, error) {
	period := max(time.Minute, time.Duration(float64(reviewPeriod)*r.scale))
	r.say("ten questions a second for %s; a manager is killed after a third", period)
	killed := make(chan error, 1)
	timer := time.AfterFunc(period/3, func() { killed <- r.managers[0].process.Kill() })
	defer timer.Stop()
	took, err := r.ask(ctx, 0, int(period/reviewPace), -1)
	if err != nil {
		return nil, err
	}
	if err := <-killed; err != nil {
		return nil, err
	}
	r.managers = r.managers[1:]
	if err := r.addManager(); err != nil {
		return nil, err
	}
	return took, r.managers[len(r.managers)-1].awaitMetrics(ctx)
}

// askMany asks the many questions of all databases at a time.
func (r *reviewing) askMany(ctx context.Context) error {
	each := r.scaled(reviewsAsked) / reviewSpaces
	r.say("%d questions to each of %d databases", each, reviewSpaces)
	took, err := r.askAll(ctx, each)
	if err != nil {
		return err
	}
	r.say("half are answered within %.0f ms, 99%% within %.0f ms", 1000*took.median(), 1000*took.quantile(0.99))
	return nil
}

// expireWithoutManagers lets reviews expire while no manager runs, and starts the managers again.
func (r *reviewing) expireWithoutManagers(ctx context.Context) error {
	r.say("killing all managers; reviews expire")
	for _, m := range r.managers {
		if err := m.process.Kill(); err != nil {
			return err
		}
	}
	r.managers = nil
	for n := range reviewSpaces {
		for range 100 {
			if _, _, err := r.create(ctx, n); err != nil {
				return err
			}
			if err := r.wait(ctx, reviewPace/reviewSpaces); err != nil {
				return err
			}
		}
	}
	if err := r.wait(ctx, reviewTTL); err != nil {
		return err
	}
	for range reviewReplicas {
		if err := r.addManager(); err != nil {
			return err
		}
	}
	began := time.Now()
	if err := r.awaitServed(ctx); err != nil {
		return err
	}
	for {
		stored, err := r.stored(ctx)
		if err != nil || stored == 0 {
			return err
		}
		if time.Since(began) > time.Minute {
			r.say("%d reviews are stored a minute after their ttl", stored)
			return nil // traces counts them
		}
		if err := r.wait(ctx, time.Second); err != nil {
			return err
		}
	}
}

func (r *reviewing) close(ctx context.Context) (err error) {
	if r.answers != nil {
		r.answers.stop()
	}
	for _, m := range r.managers {
		err = errors.Join(err, m.process.Stop(30*time.Second))
	}
	return errors.Join(err, r.many.close(ctx))
}

// addManager starts one replica more.
func (r *reviewing) addManager() error {
	program, err := testworld.Build("./cmd/manager")
	if err != nil {
		return err
	}
	m, err := startReviewManager(program, r.cluster.Kubeconfig())
	if err != nil {
		return err
	}
	r.managers = append(r.managers, m)
	return nil
}

// awaitServed waits until every campaign is Ready.
func (r *reviewing) awaitServed(ctx context.Context) error {
	for n := range reviewSpaces {
		if _, err := r.cluster.Kubectl(ctx, "", "wait", "--for=condition=Ready", "--timeout=120s", "--namespace", spaceOf(n), "rcamp/invite-friends"); err != nil {
			return fmt.Errorf("%w\nThe last manager's log:\n%s", err, lastLines(r.managers[len(r.managers)-1].process.Log()))
		}
	}
	return nil
}
