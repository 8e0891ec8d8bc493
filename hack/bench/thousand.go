package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/go-logr/logr"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgo "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	kube "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

const (
	thousand       = 1_000 // databases: schemas of one database
	perDatabase    = 2     // campaigns
	plainSpace     = "plain"
	idlePoll       = time.Second            // the manager's default
	untilIdle      = 150 * time.Second      // the engines' minute, the pools' minute, and some time
	idlePeriod     = 60 * time.Second       // four status intervals
	purchaseCount  = 200                    // of which the latency is measured
	purchasePause  = 100 * time.Millisecond // between two of them
	statusPatience = 20 * time.Minute
)

// thousandDatabases measures a manager with a thousand idle databases: schemas of one Postgres,
// with two campaigns each. The schemas exist before it starts.
func thousandDatabases(ctx context.Context, w *world) (all []series, err error) {
	m := &many{world: w, count: w.scaled(thousand)}
	defer func() { err = errors.Join(err, m.close(ctx)) }()
	if err := m.prepare(ctx); err != nil {
		return nil, err
	}
	w.say("a reconciler that only writes status: %d objects", m.objects())
	plain, err := m.writeStatusOnly(ctx)
	if err != nil {
		return nil, err
	}
	w.say("took %.1f s; starting the manager", plain.Seconds())
	if err := w.forgetStatements(ctx); err != nil {
		return nil, err
	}
	if err := m.startManager(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w\nThe manager's log:\n%s", err, lastLines(m.manager.Log()))
		}
	}()
	ready, err := m.start(ctx)
	if err != nil {
		return nil, err
	}
	if err := w.wait(ctx, untilIdle); err != nil {
		return nil, err
	}
	cpu, connections, err := m.idle(ctx)
	if err != nil {
		return nil, err
	}
	metrics, err := m.scrape(ctx)
	if err != nil {
		return nil, err
	}
	w.say("metrics answer within %.0f ms; buying %d times", 1000*metrics, purchaseCount)
	took, err := m.buy(ctx)
	if err != nil {
		return nil, err
	}
	w.say("half are credited within %.0f ms, 99%% within %.0f ms", 1000*took.median(), 1000*took.quantile(0.99))
	peak, err := m.manager.PeakMemory()
	if err != nil {
		return nil, err
	}
	return []series{
		{cpu}, {peak}, {connections}, {ready.Seconds() / plain.Seconds()},
		{(took.quantile(0.99) - 0.1) / idlePoll.Seconds()}, {metrics},
	}, nil
}

// many is a control plane and many databases.
type many struct {
	*world
	count   int
	own     *testworld.Database
	cluster *testworld.ControlPlane
	client  kube.WithWatch
	scheme  *runtime.Scheme
	manager *testworld.Process
	metrics string // address
}

func (m *many) objects() int { return m.count * (1 + perDatabase) }

func schemaOf(n int) postgres.Schema { return postgres.Schema(fmt.Sprintf("shop_%04d", n)) }

// prepare makes the schemas and the objects.
func (m *many) prepare(ctx context.Context) (err error) {
	if m.own, err = m.postgres.CreateDatabase(ctx); err != nil {
		return err
	}
	m.say("migrating %d schemas", m.count)
	migrating, running := errgroup.WithContext(ctx)
	migrating.SetLimit(2)
	for n := range m.count {
		migrating.Go(func() error { return m.migrate(running, schemaOf(n)) })
	}
	if err := migrating.Wait(); err != nil {
		return err
	}
	if _, err := m.admin.Exec(ctx, "CHECKPOINT"); err != nil {
		return err
	}
	m.say("starting a control plane and making the objects")
	if err := m.startCluster(ctx); err != nil {
		return err
	}
	return errors.Join(m.create(ctx, plainSpace), m.create(ctx, namespace))
}

// startCluster starts a control plane that has the kinds.
func (m *many) startCluster(ctx context.Context) error {
	ctrl.SetLogger(logr.Discard())
	crds, err := testworld.CRDs()
	if err != nil {
		return err
	}
	m.cluster, err = testworld.StartControlPlane(ctx, testworld.ControlPlaneOptions{CRDs: []string{crds}})
	if err != nil {
		return err
	}
	m.scheme = runtime.NewScheme()
	if err := errors.Join(clientgo.AddToScheme(m.scheme), v1alpha1.AddToScheme(m.scheme)); err != nil {
		return err
	}
	config := m.cluster.Config()
	config.QPS = -1
	m.client, err = kube.NewWithWatch(config, kube.Options{Scheme: m.scheme})
	return err
}

// migrate leaves a schema without an owner, in which the roles have their rights.
func (m *many) migrate(ctx context.Context, schema postgres.Schema) error {
	db, err := postgres.Open(ctx, postgres.Config{URI: m.own.URI, Schema: schema, MaxConnections: 2})
	if err != nil {
		return err
	}
	defer db.Close()
	if err := database.Migrate(ctx, db); err != nil {
		return err
	}
	if _, err := database.Claim(ctx, db, owner, ""); err != nil {
		return err
	}
	if err := database.GrantRoles(ctx, db, owner.UID, 0, database.Roles{Writers: []string{testworld.WriterRole}}); err != nil {
		return err
	}
	_, err = db.Exec(ctx, db.Qualify("DELETE FROM referral.owner"))
	return err
}

// create makes the objects of all databases in a namespace.
func (m *many) create(ctx context.Context, namespace string) error {
	in := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: namespace, Name: name} }
	for _, object := range []kube.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
		&corev1.Secret{ObjectMeta: in("shop-db"), StringData: map[string]string{"uri": m.own.URI}},
		&v1alpha1.RewardPolicy{ObjectMeta: in("five-dollars"), Spec: v1alpha1.RewardPolicySpec{Rewards: []v1alpha1.Reward{{
			Name: "inviter", Beneficiary: v1alpha1.Referrer, Fixed: &v1alpha1.Money{Amount: "5.00", Currency: "USD"},
		}}}},
	} {
		if err := m.client.Create(ctx, object); err != nil {
			return err
		}
	}
	creating, running := errgroup.WithContext(ctx)
	creating.SetLimit(8)
	for n := range m.count {
		creating.Go(func() error {
			adb := &v1alpha1.AttributionDatabase{ObjectMeta: in(fmt.Sprintf("shop-%04d", n)), Spec: v1alpha1.AttributionDatabaseSpec{
				SecretRef: v1alpha1.URISecretReference{ObjectReference: v1alpha1.ObjectReference{Name: "shop-db"}}, Schema: string(schemaOf(n)),
				Roles: &v1alpha1.DatabaseRoles{Writers: []v1alpha1.RoleName{testworld.WriterRole}},
			}}
			if err := m.client.Create(running, adb); err != nil {
				return err
			}
			for i := range perDatabase {
				rcamp := &v1alpha1.ReferralCampaign{ObjectMeta: in(fmt.Sprintf("invite-%04d-%d", n, i)), Spec: v1alpha1.ReferralCampaignSpec{
					DatabaseRef: v1alpha1.ObjectReference{Name: adb.Name}, PolicyRef: v1alpha1.ObjectReference{Name: "five-dollars"},
				}}
				if err := m.client.Create(running, rcamp); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return creating.Wait()
}

// startManager starts the real manager.
func (m *many) startManager() (err error) {
	program, err := testworld.Build("./cmd/manager")
	if err != nil {
		return err
	}
	if m.metrics, err = testworld.FreeAddress(); err != nil {
		return err
	}
	m.manager, err = testworld.StartProcess(testworld.ProcessOptions{Path: program, Args: []string{
		"--kubeconfig", m.cluster.Kubeconfig(), "--watch-namespaces", namespace,
		"--metrics-bind-address", m.metrics, "--metrics-secure=false", "--health-probe-bind-address", "0",
	}})
	return err
}

// start waits until the manager that has just been started has all databases and campaigns Ready,
// and returns how long that took.
func (m *many) start(ctx context.Context) (time.Duration, error) {
	server, began := m.processorTime(), time.Now()
	earlier, err := m.sessions(ctx)
	if err != nil {
		return 0, err
	}
	if err := m.awaitReady(ctx, namespace); err != nil {
		return 0, err
	}
	ready, used := time.Since(began), m.processorTime().since(server)
	inManager, _, _ := processorTimeOf(m.manager.Pid())
	if err := m.show(ctx); err != nil {
		return 0, err
	}
	later, err := m.sessions(ctx)
	if err != nil {
		return 0, err
	}
	peak, err := m.manager.PeakMemory()
	if err != nil {
		return 0, err
	}
	m.detail("%.2fs of the server's processor time, %.2fs of the manager's, %d connections", used.server.Seconds(), inManager.Seconds(), later-earlier)
	m.say("all Ready after %.1f s, with %.0f MiB; waiting until all are idle", ready.Seconds(), peak)
	return ready, nil
}

// sessions returns how many connections have been made to the database so far.
func (m *many) sessions(ctx context.Context) (count int64, err error) {
	err = m.admin.QueryRow(ctx, statement("sessions"), m.own.Name).Scan(&count)
	return count, err
}

// awaitReady waits until every database and campaign of a namespace is Ready.
func (m *many) awaitReady(ctx context.Context, namespace string) error {
	deadline := time.Now().Add(statusPatience)
	for time.Now().Before(deadline) {
		ready, err := m.ready(ctx, namespace)
		if err != nil || ready == m.objects() {
			return err
		}
		if m.manager != nil && !m.manager.Running() {
			return errors.New("the manager has ended")
		}
		m.detail("%d of %d are Ready", ready, m.objects())
		if err := m.wait(ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("not all were Ready within %s", statusPatience)
}

// ready counts the databases and campaigns that are Ready.
func (m *many) ready(ctx context.Context, namespace string) (count int, err error) {
	isReady := func(conditions []metav1.Condition) bool {
		return slices.ContainsFunc(conditions, func(c metav1.Condition) bool {
			return c.Type == v1alpha1.ReadyCondition && c.Status == metav1.ConditionTrue
		})
	}
	var databases v1alpha1.AttributionDatabaseList
	var campaigns v1alpha1.ReferralCampaignList
	if err := errors.Join(m.client.List(ctx, &databases, kube.InNamespace(namespace)),
		m.client.List(ctx, &campaigns, kube.InNamespace(namespace))); err != nil {
		return 0, err
	}
	for i := range databases.Items {
		if isReady(databases.Items[i].Status.Conditions) {
			count++
		}
	}
	for i := range campaigns.Items {
		if isReady(campaigns.Items[i].Status.Conditions) {
			count++
		}
	}
	return count, nil
}

// idle returns the share of one core that the manager and Postgres take while nothing happens, and
// the operator's connections per database.
func (m *many) idle(ctx context.Context) (cpu, connections float64, err error) {
	pid := m.manager.Pid()
	if err := m.forgetStatements(ctx); err != nil {
		return 0, 0, err
	}
	server, began := m.processorTime(), time.Now()
	manager, _, _ := processorTimeOf(pid)
	if err := m.wait(ctx, idlePeriod); err != nil {
		return 0, 0, err
	}
	seconds := time.Since(began).Seconds()
	managerAfter, _, _ := processorTimeOf(pid)
	inServer := m.processorTime().since(server).server.Seconds() / seconds
	inManager := (managerAfter - manager).Seconds() / seconds
	var count int
	if err := m.admin.QueryRow(ctx, statement("operator_connections")).Scan(&count); err != nil {
		return 0, 0, err
	}
	if err := m.show(ctx); err != nil {
		return 0, 0, err
	}
	m.say("%d databases take %.3f of a core in the manager and %.3f in Postgres, and %d connections", m.count, inManager, inServer, count)
	return inServer + inManager, float64(count) / float64(m.count), nil
}

// scrape returns how many seconds the metrics take to answer.
func (m *many) scrape(ctx context.Context) (seconds float64, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+m.metrics+"/metrics", http.NoBody)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	size, err := io.Copy(io.Discard, response.Body)
	err = errors.Join(err, response.Body.Close())
	if err == nil && (response.StatusCode != http.StatusOK || size == 0) {
		err = fmt.Errorf("metrics answered %s with %d bytes", response.Status, size)
	}
	return time.Since(began).Seconds(), err
}

// buy makes one purchase in each of some idle databases, and returns how many seconds passed until
// each was credited.
func (m *many) buy(ctx context.Context) (series, error) {
	writer, err := pgx.Connect(ctx, m.own.WriterURI)
	if err != nil {
		return nil, err
	}
	defer func() { _ = writer.Close(ctx) }()
	chosen := rand.Perm(m.count)[:min(purchaseCount, m.count)]
	for _, n := range chosen {
		if err := m.buyIn(ctx, writer, n); err != nil {
			return nil, err
		}
		if err := m.wait(ctx, purchasePause+rand.N(purchasePause)); err != nil {
			return nil, err
		}
	}
	db, err := postgres.Open(ctx, postgres.Config{URI: m.own.URI, Schema: postgres.DefaultSchema})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	var took series
	for _, n := range chosen {
		seconds, err := creditedAfter(ctx, db, schemaOf(n))
		if err != nil {
			return nil, fmt.Errorf("while looking for the credit in schema %s: %w", schemaOf(n), err)
		}
		took = append(took, seconds)
	}
	return took, nil
}

// creditedAfter waits until the purchase in a schema is credited, and returns how many seconds that
// took.
func creditedAfter(ctx context.Context, db *postgres.DB, schema postgres.Schema) (seconds float64, err error) {
	for range 60 {
		err = db.QueryRow(ctx, schema.Qualify(statement("credited_after")), referee).Scan(&seconds)
		if !errors.Is(err, pgx.ErrNoRows) {
			return seconds, err
		}
		time.Sleep(time.Second)
	}
	return 0, err
}

// referee buys once in each database.
const referee = "bob"

// buyIn records a friend's signup and purchase in one transaction.
func (m *many) buyIn(ctx context.Context, writer *pgx.Conn, n int) error {
	schema := schemaOf(n)
	return pgx.BeginFunc(ctx, writer, func(tx pgx.Tx) error {
		for _, words := range []struct {
			sql       string
			arguments []any
		}{
			{"INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('alice', $1, 'alice')", []any{fmt.Sprintf("invite-%04d-0", n)}},
			{"INSERT INTO referral.signup (user_id, code) VALUES ($1, 'alice')", []any{referee}},
			{statement("write_purchase"), []any{referee, "order"}},
		} {
			if _, err := tx.Exec(ctx, schema.Qualify(words.sql), words.arguments...); err != nil {
				return fmt.Errorf("while buying in schema %s: %w", schema, err)
			}
		}
		return nil
	})
}

// show prints, on request, which statements took most time.
func (m *many) show(ctx context.Context) error { return m.showStatements(ctx, &shop{own: m.own}) }

func (m *many) close(ctx context.Context) (err error) {
	if m.manager != nil {
		err = m.manager.Stop(30 * time.Second)
	}
	if m.cluster != nil {
		err = errors.Join(err, m.cluster.Stop())
	}
	if m.own != nil {
		err = errors.Join(err, m.own.Drop(context.WithoutCancel(ctx)))
	}
	return err
}
