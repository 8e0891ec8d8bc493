package controllers_test

import (
	"io"
	"net"
	"net/url"
	"regexp"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// setting is something that only shows at run time: how it is wrong, what the resource says about
// it, and how it is put right. It has to show, and to heal, by itself.
type setting struct {
	wrong   func(w *world, own *testworld.Database)
	reason  string
	stalled bool
	says    string // part of the message
	right   func(w *world, own *testworld.Database, message string)
}

var correctSecret = func(w *world, own *testworld.Database, _ string) {
	w.secret("shop-db", map[string]string{"uri": own.URI})
}

// secretWith has the database's Secret hold what edit makes of the URI.
func secretWith(edit func(*url.URL)) func(*world, *testworld.Database) {
	return func(w *world, own *testworld.Database) {
		parsed, err := url.Parse(own.URI)
		check(w, err)
		edit(parsed)
		w.secret("shop-db", map[string]string{"uri": parsed.String()})
	}
}

// asTold runs the one kubectl command that a message has in it.
func asTold(w *world, _ *testworld.Database, message string) {
	w.Helper()
	line := regexp.MustCompile(`kubectl -n .*$`).FindString(message)
	if line == "" {
		w.Fatalf("no kubectl line in %q", message)
	}
	output, err := w.cluster.Kubectl(w.Context(), "", strings.Fields(line)[1:]...)
	if err != nil {
		w.Fatalf("%s: %v\n%s", line, err, output)
	}
}

var settings = map[string]setting{
	"a Secret that is missing": {
		wrong:  func(*world, *testworld.Database) {},
		reason: v1alpha1.SecretNotFoundReason, says: "there is no Secret",
		right: correctSecret,
	},
	"a key that is missing": {
		wrong:  func(w *world, own *testworld.Database) { w.secret("shop-db", map[string]string{"url": own.URI}) },
		reason: v1alpha1.SecretKeyNotFoundReason, says: `no key "uri"`,
		right: correctSecret,
	},
	"a Secret that the operator may not get": {
		wrong: func(w *world, own *testworld.Database) {
			correctSecret(w, own, "")
			check(w, w.client.Delete(w.Context(), &rbacv1.RoleBinding{
				ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "referral-operator-secret-reader"},
			}))
		},
		reason: v1alpha1.SecretForbiddenReason, says: "may not get Secret",
		right: asTold,
	},
	"something that is no URI": {
		wrong: func(w *world, own *testworld.Database) {
			w.secret("shop-db", map[string]string{"uri": "host=localhost password=" + passwordOf(w, own.URI)})
		},
		reason: v1alpha1.InvalidURIReason, says: "must begin with postgresql://",
		right: correctSecret,
	},
	"a wrong password": {
		wrong:  secretWith(func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "not-the-password-at-all") }),
		reason: v1alpha1.AuthenticationFailedReason, says: "refuses the user or password",
		right: correctSecret,
	},
	"a server that is not there": {
		wrong:  secretWith(func(u *url.URL) { u.Host = unusedAddress() }),
		reason: v1alpha1.UnreachableReason, says: "cannot be reached",
		right: correctSecret,
	},
	"a database that does not exist": {
		wrong:  secretWith(func(u *url.URL) { u.Path = "/nowhere" }),
		reason: v1alpha1.DatabaseNotFoundReason, says: "does not exist",
		right: correctSecret,
	},
	"a server that is not Postgres": {
		wrong: func(w *world, _ *testworld.Database) {
			w.secret("shop-db", map[string]string{"uri": testworld.CockroachDB.Serve(w)})
		},
		reason: v1alpha1.UnsupportedServerReason, stalled: true, says: "the server is CockroachDB",
		right: correctSecret,
	},
	"MySQL in place of Postgres": {
		wrong: func(w *world, own *testworld.Database) {
			listener, err := new(net.ListenConfig).Listen(w.Context(), "tcp", "127.0.0.1:0")
			check(w, err)
			w.Cleanup(func() { _ = listener.Close() })
			go func() {
				for {
					conn, err := listener.Accept()
					if err != nil {
						return
					}
					go func() {
						defer func() { _ = conn.Close() }()
						_, _ = io.WriteString(conn, "\x4a\x00\x00\x00\x0a8.0.36\x00")
						_, _ = io.Copy(io.Discard, conn)
					}()
				}
			}()
			secretWith(func(u *url.URL) { u.Host = listener.Addr().String() })(w, own)
		},
		reason: v1alpha1.UnsupportedServerReason, stalled: true, says: "correct host and port",
		right: correctSecret,
	},
	"a user without rights on the schema": {
		wrong:  func(w *world, own *testworld.Database) { w.secret("shop-db", map[string]string{"uri": own.WriterURI}) },
		reason: v1alpha1.PermissionDeniedReason, says: "permission denied",
		right: correctSecret,
	},
	"a table in the way of a migration": {
		wrong: func(w *world, own *testworld.Database) {
			operator, err := url.Parse(own.URI)
			check(w, err)
			w.sql(own, `DROP SCHEMA referral CASCADE; CREATE SCHEMA referral AUTHORIZATION "`+operator.User.Username()+`"; CREATE TABLE referral.link ()`)
			correctSecret(w, own, "")
		},
		reason: v1alpha1.MigrationFailedReason, says: "already exists",
		right: func(w *world, own *testworld.Database, _ string) { w.sql(own, "DROP TABLE referral.link") },
	},
	"a role that does not exist": {
		wrong: func(w *world, own *testworld.Database) {
			correctSecret(w, own, "")
			w.patch("adb", "shop", `{"roles":{"readers":["`+newRole(own)+`"]}}`)
		},
		reason: v1alpha1.RoleNotFoundReason, says: "create each missing role",
		right: func(w *world, own *testworld.Database, _ string) {
			w.sql(own, `CREATE ROLE "`+newRole(own)+`"`)
			w.Cleanup(func() { w.sql(own, `DROP OWNED BY "`+newRole(own)+`"; DROP ROLE "`+newRole(own)+`"`) })
		},
	},
	"a schema newer than the binary": {
		wrong: func(w *world, own *testworld.Database) {
			w.sql(own, "UPDATE referral.meta SET schema_version = schema_version + 1000")
			correctSecret(w, own, "")
		},
		reason: v1alpha1.SchemaTooNewReason, stalled: true, says: "run the newer version",
		right: func(w *world, own *testworld.Database, _ string) {
			w.sql(own, "UPDATE referral.meta SET schema_version = schema_version - 1000")
		},
	},
	"a schema owned by another": {
		wrong: func(w *world, own *testworld.Database) {
			w.sql(own, "INSERT INTO referral.owner (installation, name, uid) VALUES ('other', 'elsewhere/shop', 'another-uid')")
			correctSecret(w, own, "")
		},
		reason: v1alpha1.OwnedByAnotherReason, stalled: true, says: "elsewhere/shop of installation other (uid another-uid)",
		right: asTold,
	},
}

func newRole(own *testworld.Database) string { return "later_" + own.Name }

// unusedAddress is one where nothing listens.
func unusedAddress() string {
	address, err := testworld.FreeAddress()
	if err != nil {
		panic(err)
	}
	return address
}

func TestInvalidSettingsShowAndAreCuredWithoutRestart(t *testing.T) {
	for name, setting := range settings {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of the time is spent waiting for the next look
			w := newWorld(t)
			own := w.newDatabase()
			w.apply(shopYAML)
			w.awaitReason(w.adb("shop"), metav1.ConditionFalse, v1alpha1.SecretNotFoundReason)
			w.secrets = append(w.secrets, "not-the-password-at-all")

			setting.wrong(w, own)
			adb := w.adb("shop")
			ready := w.awaitReason(adb, metav1.ConditionFalse, setting.reason)
			if !strings.Contains(ready.Message, setting.says) {
				t.Errorf("message: %s", ready.Message)
			}
			if is := meta.IsStatusConditionTrue(adb.Status.Conditions, v1alpha1.StalledCondition); is != setting.stalled {
				t.Errorf("Stalled: %t", is)
			}
			if is := meta.IsStatusConditionTrue(adb.Status.Conditions, v1alpha1.ReconcilingCondition); is == setting.stalled {
				t.Errorf("Reconciling: %t", is)
			}

			setting.right(w, own, ready.Message)
			w.awaitReady(adb)
			if conditions := besideVerified(adb); len(conditions) != 1 {
				t.Errorf("once it is right: %v", conditions)
			}
		})
	}
}
