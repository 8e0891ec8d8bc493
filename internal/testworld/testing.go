package testworld

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld/binaries"
)

// Main runs the tests of a package and stops the test world afterwards:
//
//	func TestMain(m *testing.M) { testworld.Main(m) }
//
// Without it the servers still end with the process, but a borrowed server keeps the template
// databases.
func Main(m *testing.M) {
	code := m.Run()
	if err := StopAll(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// Must ends the test if there is an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Cluster returns the control plane that the tests of this process share, with the CRDs of this
// repository.
func Cluster(t testing.TB) *ControlPlane {
	t.Helper()
	controlPlane, err := SharedControlPlane(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return controlPlane
}

// NewCluster starts a control plane for this test alone.
func NewCluster(t testing.TB, options ControlPlaneOptions) *ControlPlane {
	t.Helper()
	controlPlane, err := StartControlPlane(context.Background(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { report(t, controlPlane.Stop()) })
	return controlPlane
}

// NewNamespace makes a namespace in the control plane; the project's objects in it are removed when
// the test ends.
func NewNamespace(t testing.TB, controlPlane *ControlPlane) string {
	t.Helper()
	namespace, err := controlPlane.CreateNamespace(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	cleanUp(t, func(ctx context.Context) error { return controlPlane.EmptyNamespace(ctx, namespace) })
	return namespace
}

// NewPostgres starts a server for this test alone, to be stopped and killed.
func NewPostgres(t testing.TB, options PostgresOptions) *Postgres {
	t.Helper()
	postgres, err := StartPostgres(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { report(t, postgres.Stop()) })
	return postgres
}

// NewDatabase makes an empty database on the shared server for this test alone, with its own
// operator role.
func NewDatabase(t testing.TB) *Database {
	t.Helper()
	return ownDatabase(t, func(ctx context.Context, postgres *Postgres) (*Database, error) {
		return postgres.CreateDatabase(ctx)
	})
}

// NewDatabaseFrom makes a copy of a template on the shared server for this test alone. The first
// use of key fills the template, see Postgres.Template.
func NewDatabaseFrom(t testing.TB, key string, fill func(context.Context, *Database) error) *Database {
	t.Helper()
	return ownDatabase(t, func(ctx context.Context, postgres *Postgres) (*Database, error) {
		template, err := postgres.Template(ctx, key, fill)
		if err != nil {
			return nil, err
		}
		return postgres.CreateDatabaseFrom(ctx, template)
	})
}

func ownDatabase(t testing.TB, create func(context.Context, *Postgres) (*Database, error)) *Database {
	t.Helper()
	postgres, err := SharedPostgres(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	database, err := create(t.Context(), postgres)
	if err != nil {
		t.Fatal(err)
	}
	cleanUp(t, database.Drop)
	return database
}

// BuildManager compiles cmd/manager, once per process, and returns its path.
func BuildManager(t testing.TB) string {
	t.Helper()
	path, err := Build("./cmd/manager")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// BuildTracker compiles cmd/tracker, once per process, and returns its path.
func BuildTracker(t testing.TB) string {
	t.Helper()
	path, err := Build("./cmd/tracker")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// RequirePrograms is the environment variable with which a test fails that needs a program which is
// not here. Without it the test is skipped, and `make test` names the program at its end.
const RequirePrograms = "REQUIRE_PROGRAMS"

// Need returns the path of a program that this test needs. Where there is none, it ends the test.
func Need(t testing.TB, program *binaries.Program) string {
	t.Helper()
	path, err := program.Find(t.Context())
	switch {
	case err == nil:
	case os.Getenv(RequirePrograms) != "":
		t.Fatalf("%s requires every program: %v", RequirePrograms, err)
	default:
		t.Skip(err)
	}
	return path
}

// NewNginx starts an nginx for this test alone, which needs one.
func NewNginx(t testing.TB, options NginxOptions) *Nginx {
	t.Helper()
	Need(t, binaries.Nginx)
	nginx, err := StartNginx(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	endWith(t, nginx.Process)
	return nginx
}

// NewBrowser starts a Chromium for this test alone, which needs one.
func NewBrowser(t testing.TB, options BrowserOptions) *Browser {
	t.Helper()
	Need(t, binaries.Chromium)
	browser, err := StartBrowser(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	endWith(t, browser.Process)
	return browser
}

// Run starts a program for this test alone. It is killed when the test ends, and the end of its
// output is shown if the test failed.
func Run(t testing.TB, options ProcessOptions) *Process {
	t.Helper()
	process, err := StartProcess(options)
	if err != nil {
		t.Fatal(err)
	}
	endWith(t, process)
	return process
}

// endWith kills a process when the test ends, and shows the end of its output if the test failed.
func endWith(t testing.TB, process *Process) {
	t.Helper()
	t.Cleanup(func() {
		report(t, process.Kill())
		if t.Failed() {
			t.Logf("output of %s (pid %d):\n%s", process.name, process.Pid(), process.logTail(200))
		}
	})
}

// cleanUp runs work after the test, with a context of its own: the test's context has ended by
// then.
func cleanUp(t testing.TB, work func(context.Context) error) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		report(t, work(ctx))
	})
}

func report(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}
