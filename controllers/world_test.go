package controllers_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
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
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// stray is what is logged past the managers' own loggers. Its logger is set once, since tests run
// beside each other.
var stray logBuffer

func TestMain(m *testing.M) {
	ctrl.SetLogger(zap.New(zap.WriteTo(&stray), zap.UseDevMode(true)))
	testworld.Main(m)
}

// patience is how long a test waits on a busy machine.
const patience = 2 * time.Minute

// statusInterval is that of every manager here.
const statusInterval = 300 * time.Millisecond

// workers is how many objects of a kind are reconciled at a time, as by default.
const workers = 8

// world is a namespace on a real API server, with a manager that has only the rights that config
// gives it, and a client with all rights.
type world struct {
	testing.TB
	client     client.Client // the administrator's
	cluster    *testworld.ControlPlane
	namespace  string
	neighbours []string // further namespaces that the manager watches
	operator   string   // name of the manager's user
	manager    *rest.Config
	registry   *hosting.Registry
	log        *logBuffer
	logger     logr.Logger
	reconciles *reconciles   // by the manager that was started last
	ahead      atomic.Int64  // how far the manager's clock is, in nanoseconds
	stop       func()        // ends the manager
	endHosts   func()        // ends the registry
	secrets    []string      // passwords that must not show up anywhere
	sessions   sessions      // of this test with its databases
	patience   time.Duration // how long it waits for anything

	pollInterval, idlePollInterval time.Duration // of the engines of the next registry
}

var scheme = func() *runtime.Scheme {
	s := runtime.NewScheme()
	if err := errors.Join(clientgo.AddToScheme(s), v1alpha1.AddToScheme(s)); err != nil {
		panic(err)
	}
	return s
}()

// sharedAdministrator returns the client with all rights that all worlds use. It knows from the first
// world on which kinds the API server has.
var sharedAdministrator = sync.OnceValues(func() (client.Client, error) {
	cluster, err := testworld.SharedControlPlane(context.Background())
	if err != nil {
		return nil, err
	}
	return client.New(cluster.Config(), client.Options{Scheme: scheme})
})

// shippedRoles applies the roles that config ships, once: they are those of the whole API server.
var shippedRoles = sync.OnceValue(func() error {
	cluster, err := testworld.SharedControlPlane(context.Background())
	if err != nil {
		return err
	}
	_, err = cluster.Kubectl(context.Background(), "", "apply", "--server-side", "-f", filepath.Join("..", "config", "rbac", "role.yaml"),
		"-f", filepath.Join("..", "config", "access", "secret_reader_role.yaml"))
	return err
})

// newWorld starts a manager in a new namespace.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := newQuietWorld(t)
	w.startManager()
	return w
}

// newQuietWorld is a world whose manager has not been started.
func newQuietWorld(t testing.TB) *world {
	t.Helper()
	cluster := testworld.Cluster(t)
	administrator, err := sharedAdministrator()
	check(t, err)
	w := &world{
		TB: t, cluster: cluster, client: administrator, log: &logBuffer{}, patience: patience,
		pollInterval: 20 * time.Millisecond, idlePollInterval: 50 * time.Millisecond,
	}
	w.namespace = testworld.NewNamespace(t, cluster)
	if os.Getenv("RECORD") != "" {
		w.recordObjects()
	}
	w.operator = "operator-of-" + w.namespace
	w.manager, err = cluster.ConfigFor(w.operator)
	check(t, err)
	w.grantRights()
	w.logger = zap.New(zap.WriteTo(w.log), zap.UseDevMode(true))
	t.Cleanup(w.lookForPasswords)
	w.startRegistry()
	return w
}

// grantRights binds the roles that config ships in the world's namespace.
func (w *world) grantRights() {
	w.Helper()
	check(w, shippedRoles())
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
	watched := map[string]cache.Config{}
	for _, namespace := range append([]string{w.namespace}, w.neighbours...) {
		watched[namespace] = cache.Config{}
	}
	w.reconciles = newReconciles()
	mgr, err := ctrl.NewManager(w.manager, ctrl.Options{
		Scheme: scheme,
		Logger: countedIn(w.reconciles, w.logger),
		Cache: cache.Options{
			DefaultNamespaces: watched,
			DefaultTransform:  controllers.Cached,
		},
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: new(true), MaxConcurrentReconciles: workers},
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

// startRegistry runs a new registry until w.endHosts is called, or until the test and the managers
// that use it have ended.
func (w *world) startRegistry() {
	registry := hosting.NewRegistry(hosting.Options{
		PollInterval: w.pollInterval, IdlePollInterval: w.idlePollInterval, Reconcilers: workers,
		Log: slog.New(logr.ToSlogHandler(w.logger)),
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- registry.Run(ctx) }()
	w.registry = registry
	w.endHosts = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			check(w, err)
		case <-time.After(patience):
			w.Error("the hosts have not ended")
		}
	})
	w.Cleanup(w.endHosts)
}

// lookForPasswords fails the test if a password shows. It runs at the end of every test.
func (w *world) lookForPasswords() {
	ctx := context.Background()
	var seen bytes.Buffer
	seen.WriteString(w.log.String() + stray.String())
	for _, list := range []client.ObjectList{
		&v1alpha1.AttributionDatabaseList{}, &v1alpha1.RewardPolicyList{}, &v1alpha1.ReferralCampaignList{},
		&v1alpha1.RewardPlanList{}, &v1alpha1.RewardReviewList{}, &eventsv1.EventList{},
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

// kubectl runs kubectl as administrator in the world's namespace.
func (w *world) kubectl(input string, arguments ...string) string {
	w.Helper()
	output, err := w.cluster.Kubectl(w.Context(), input, append([]string{"--namespace", w.namespace}, arguments...)...)
	check(w, err)
	return output
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

func (w *world) rplan(name string) *v1alpha1.RewardPlan {
	return &v1alpha1.RewardPlan{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}}
}

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
