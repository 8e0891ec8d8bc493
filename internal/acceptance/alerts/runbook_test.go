package alerts

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// firstCommand returns the command that an alert's runbook has run first, for an alert with these
// labels.
func firstCommand(t testing.TB, root string, a alert) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "docs", "runbooks", a.name()+".md"))
	testworld.Must(t, err)
	_, section, _ := strings.Cut(string(page), "\n## First\n")
	_, block, found := strings.Cut(section, "```sh\n")
	command, _, closed := strings.Cut(block, "\n```")
	if !found || !closed {
		t.Fatalf("%s.md has no command under First", a.name())
	}
	for _, label := range []string{"namespace", "database", "campaign"} {
		if value, ok := a.Labels[label]; ok {
			command = strings.ReplaceAll(command, strings.ToUpper(label), value)
		}
	}
	return command
}

// runFirst runs the first command of an alert's runbook as an administrator of the cluster and, for
// psql, of the database.
func (i *installation) runFirst(a alert) string {
	i.Helper()
	command := exec.CommandContext(i.Context(), "sh", "-c", firstCommand(i, i.root, a))
	command.Env = append(os.Environ(),
		"KUBECONFIG="+i.cluster.Kubeconfig(), "KUBERC=off", "KUBECACHEDIR="+filepath.Join(i.TempDir(), "kubectl"),
		"PATH="+strings.Join([]string{filepath.Dir(i.cluster.KubectlPath()), filepath.Dir(i.psql), os.Getenv("PATH")}, string(os.PathListSeparator)))
	if s, ok := i.shops[a.Labels["namespace"]]; ok {
		config, err := pgx.ParseConfig(s.own.URI)
		testworld.Must(i, err)
		host, port, _ := strings.Cut(s.own.Server().Address(), ":")
		command.Env = append(command.Env, "PGHOST="+host, "PGPORT="+port,
			"PGDATABASE="+s.own.Name, "PGUSER="+config.User, "PGPASSWORD="+config.Password)
	}
	output, err := command.CombinedOutput()
	if err != nil {
		return string(output) + "\n" + err.Error() // a command may fail by the very cause
	}
	return string(output)
}
