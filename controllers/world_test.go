package controllers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgo "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/yaml"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/controllers"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// stray is what is logged past the managers' own loggers. The logger behind it is set once: setting it is nothing that
// tests may do beside each other.
var stray logBuffer

func TestMain(m *testing.M) {
	ctrl.SetLogger(zap.New(zap.WriteTo(&stray), zap.UseDevMode(true)))
	testworld.Main(m)
}

// patience is how long something that has to happen may take on a machine that does much else.
const patience = time.Minute

// statusInterval is that of every manager here.
const statusInterval = 300 * time.Millisecond

// world is a namespace on a real API server with a manager of its own, which has the rights that config gives it and nothing
// else, and an administrator who looks at it.
type world struct {
	testing.TB
	client    client.Client // the administrator's
	cluster   *testworld.ControlPlane
	namespace string
	operator  string // name of the manager's user
	manager   *rest.Config
	registry  *hosting.Registry
	log       *logBuffer
	logger    logr.Logger
	ahead     atomic.Int64 // how far the manager's clock is, in nanoseconds
	stop      func()       // ends the manager
	secrets   []string     // passwords that must not show up anywhere
}

var scheme = func() *runtime.Scheme {
	s := runtime.NewScheme()
	if err := errors.Join(clientgo.AddToScheme(s), v1alpha1.AddToScheme(s)); err != nil {
		panic(err)
	}
	return s
}()

// newWorld starts a manager in a new namespace.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := newQuietWorld(t)
	w.startManager()
	return w
}

// newQuietWorld is one whose manager has not been started.
func newQuietWorld(t testing.TB) *world {
	t.Helper()
	cluster := testworld.Cluster(t)
	administrator, err := client.New(cluster.Config(), client.Options{Scheme: scheme})
	check(t, err)
	w := &world{TB: t, cluster: cluster, client: administrator, log: &logBuffer{}}
	w.namespace = testworld.NewNamespace(t, cluster)
	w.operator = "operator-of-" + w.namespace
	w.manager, err = cluster.ConfigFor(w.operator)
	check(t, err)
	w.grantRights()
	w.logger = zap.New(zap.WriteTo(w.log), zap.UseDevMode(true))
	t.Cleanup(w.lookForPasswords)
	w.registry = w.newRegistry()
	return w
}

// grantRights binds the roles that config ships in the world's namespace.
func (w *world) grantRights() {
	w.Helper()
	_, err := w.cluster.Kubectl(w.Context(), "", "apply", "--server-side", "-f", filepath.Join("..", "config", "rbac", "role.yaml"),
		"-f", filepath.Join("..", "config", "access", "secret_reader_role.yaml"))
	check(w, err)
	for _, role := range []string{"referral-operator-manager", "referral-operator-secret-reader"} {
		check(w, w.client.Create(w.Context(), &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: role},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, Name: w.operator}},
		}))
	}
}

// startManager runs a manager on the world's registry until w.stop is called, or the test ends.
func (w *world) startManager() {
	w.Helper()
	mgr, err := ctrl.NewManager(w.manager, ctrl.Options{
		Scheme:     scheme,
		Logger:     w.logger,
		Cache:      cache.Options{DefaultNamespaces: map[string]cache.Config{w.namespace: {}}},
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: new(true), MaxConcurrentReconciles: 8},
	})
	check(w, err)
	check(w, controllers.Setup(mgr, controllers.Options{
		Registry: w.registry, Installation: "default", StatusInterval: statusInterval,
		Now: func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) },
	}))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		check(w, <-ended)
	})
	w.Cleanup(w.stop)
}

// newRegistry is closed after the managers that use it have ended.
func (w *world) newRegistry() *hosting.Registry {
	registry := hosting.NewRegistry(hosting.Options{
		PollInterval: 20 * time.Millisecond, Log: slog.New(logr.ToSlogHandler(w.logger)),
	})
	w.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		check(w, registry.Close(ctx))
	})
	return registry
}

// lookForPasswords is the last thing in every test.
func (w *world) lookForPasswords() {
	ctx := context.Background()
	var seen bytes.Buffer
	seen.WriteString(w.log.String() + stray.String())
	for _, list := range []client.ObjectList{
		&v1alpha1.AttributionDatabaseList{}, &v1alpha1.RewardPolicyList{}, &v1alpha1.ReferralCampaignList{}, &eventsv1.EventList{},
	} {
		check(w, w.client.List(ctx, list, client.InNamespace(w.namespace)))
		encoded, err := yaml.Marshal(list)
		check(w, err)
		seen.Write(encoded)
	}
	for _, password := range w.secrets {
		if password != "" && strings.Contains(seen.String(), password) {
			w.Errorf("the password %s shows up in logs, events or statuses", password)
		}
	}
	if w.Failed() && os.Getenv("SHOW_LOG") != "" {
		w.Log(w.log.String())
	}
}

// newDatabase is an empty database, or one that was migrated already, which is faster to start with.
func (w *world) newDatabase() *testworld.Database {
	w.Helper()
	own := testworld.NewDatabaseFrom(w, "controllers", func(ctx context.Context, own *testworld.Database) error {
		db, err := postgres.Open(ctx, postgres.Config{URI: own.URI, Schema: postgres.DefaultSchema})
		if err != nil {
			return err
		}
		defer db.Close()
		_, err = database.Migrate(ctx, db)
		return err
	})
	w.secrets = append(w.secrets, passwordOf(w, own.URI))
	return own
}

func passwordOf(t testing.TB, uri string) string {
	t.Helper()
	parsed, err := url.Parse(uri)
	check(t, err)
	password, _ := parsed.User.Password()
	return password
}

// sql runs statements as the administrator of a database.
func (w *world) sql(own *testworld.Database, statement string, arguments ...any) {
	w.Helper()
	w.exec(own.AdminURI, statement, arguments...)
}

// shop runs statements as the shop does.
func (w *world) shop(own *testworld.Database, statement string, arguments ...any) {
	w.Helper()
	w.exec(own.WriterURI, statement, arguments...)
}

func (w *world) exec(uri, statement string, arguments ...any) {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience) // also when the test has ended
	defer cancel()
	connection, err := pgx.Connect(ctx, uri)
	check(w, err)
	defer func() { _ = connection.Close(ctx) }()
	mode := pgx.QueryExecModeExec
	if len(arguments) == 0 {
		mode = pgx.QueryExecModeSimpleProtocol // several statements
	}
	_, err = connection.Exec(ctx, statement, append([]any{mode}, arguments...)...)
	check(w, err)
}

func (w *world) pool(uri string) *pgxpool.Pool {
	w.Helper()
	pool, err := pgxpool.New(w.Context(), uri)
	check(w, err)
	w.Cleanup(pool.Close)
	return pool
}

// value is a query's one value, as the administrator sees it.
func value[T any](w *world, own *testworld.Database, statement string, arguments ...any) T {
	w.Helper()
	connection, err := pgx.Connect(w.Context(), own.AdminURI)
	check(w, err)
	defer func() { _ = connection.Close(context.Background()) }()
	var got T
	check(w, connection.QueryRow(w.Context(), statement, arguments...).Scan(&got))
	return got
}

// kubectl does what a person would type, as administrator, in the world's namespace.
func (w *world) kubectl(input string, arguments ...string) string {
	w.Helper()
	output, err := w.cluster.Kubectl(w.Context(), input, append([]string{"--namespace", w.namespace}, arguments...)...)
	check(w, err)
	return output
}

func (w *world) apply(manifest string) {
	w.Helper()
	w.kubectl(manifest, "apply", "--server-side", "-f", "-")
}

// await looks at an object until it is as it should be.
func await[T client.Object](w *world, object T, want string, is func(T) bool) T {
	w.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := w.client.Get(w.Context(), client.ObjectKeyFromObject(object), object)
		if err == nil && is(object) {
			return object
		}
		if time.Now().After(deadline) {
			object.SetManagedFields(nil)
			encoded, _ := yaml.Marshal(object)
			w.Fatalf("not %s: %v\n%s", want, err, encoded)
		}
		pause(20 * time.Millisecond)
	}
}

// conditioned is what all kinds have.
type conditioned interface {
	client.Object
	GetConditions() []metav1.Condition
	GetObservedGeneration() int64
}

// awaitReason waits until Ready has this status and reason for the present generation, and returns the condition.
func (w *world) awaitReason(object conditioned, status metav1.ConditionStatus, reason string) metav1.Condition {
	w.Helper()
	var found metav1.Condition
	await(w, object, fmt.Sprintf("Ready=%s with reason %s", status, reason), func(object conditioned) bool {
		ready := meta.FindStatusCondition(object.GetConditions(), v1alpha1.ReadyCondition)
		if ready == nil || ready.Status != status || ready.Reason != reason || ready.ObservedGeneration != object.GetGeneration() {
			return false
		}
		found = *ready
		return true
	})
	return found
}

func (w *world) awaitReady(object conditioned) {
	w.Helper()
	w.awaitReason(object, metav1.ConditionTrue, v1alpha1.ReadyReason)
}

func (w *world) awaitGone(object client.Object) {
	w.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := w.client.Get(w.Context(), client.ObjectKeyFromObject(object), object)
		if apierrors.IsNotFound(err) {
			return
		}
		if time.Now().After(deadline) {
			encoded, _ := yaml.Marshal(object)
			w.Fatalf("%s is still there: %v\n%s", object.GetName(), err, encoded)
		}
		pause(20 * time.Millisecond)
	}
}

// eventually waits for something that is no object.
func (w *world) eventually(want string, is func() bool) {
	w.Helper()
	for deadline := time.Now().Add(patience); !is(); pause(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatalf("not %s", want)
		}
	}
}

func (w *world) secret(name string, data map[string]string) {
	w.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}}
	_, err := ctrl.CreateOrUpdate(w.Context(), w.client, secret, func() error {
		secret.StringData, secret.Data = data, nil
		return nil
	})
	check(w, err)
}

func (w *world) adb(name string) *v1alpha1.AttributionDatabase {
	return &v1alpha1.AttributionDatabase{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}}
}

func (w *world) rpol(name string) *v1alpha1.RewardPolicy {
	return &v1alpha1.RewardPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}}
}

func (w *world) rcamp(name string) *v1alpha1.ReferralCampaign {
	return &v1alpha1.ReferralCampaign{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func pause(wait time.Duration) { time.Sleep(wait) }

// logBuffer keeps what managers log.
type logBuffer struct {
	mu      sync.Mutex
	content bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.content.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.content.String()
}
