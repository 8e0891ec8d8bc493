package binaries

import (
	"context"
	"strconv"
)

// aptPostgres installs the distribution's packages.
func aptPostgres(ctx context.Context, wanted int) error {
	name := "postgresql"
	if wanted != 0 {
		name += "-" + strconv.Itoa(wanted)
	}
	return aptInstall(ctx, name, noCluster)
}
