package alerts

import (
	"fmt"
	"strings"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// accessFaults keep the operator from a database.
func (i *installation) accessFaults(away *testworld.Postgres) []fault {
	secretless, privileged := i.shops["secretless"], i.shops["privileged"]
	return []fault{{
		alert: "ReferralDatabaseNotReady", namespace: "stopped", shows: []string{`Reason: +Unreachable`},
		provoke: func() { testworld.Must(i, away.Halt()) },
		mend:    func() { testworld.Must(i, away.Start(i.Context())) },
	}, {
		alert: "ReferralOwnershipHeartbeatOld", namespace: "stopped", shows: []string{`Reason: +Unreachable`},
	}, {
		alert: "ReferralSecretOrCertificateTrouble", namespace: "secretless", shows: []string{`Reason: +SecretNotFound`},
		provoke: func() { i.kubectl("", "delete", "secret", "shop-db", "--namespace", "secretless") },
		mend: func() {
			i.kubectl("", "create", "secret", "generic", "shop-db", "--namespace", "secretless", "--from-literal=uri="+secretless.own.URI)
		},
	}, {
		alert: "ReferralPrivilegedRole", namespace: "privileged", shows: []string{`Type: +PrivilegedRole`, `superuser`},
		provoke: func() { privileged.connectAs(privileged.own.AdminURI) },
		mend:    func() { privileged.connectAs(privileged.own.URI) },
	}}
}

// engineFaults keep the engine from deciding.
func (i *installation) engineFaults() []fault {
	full, odd, suspended := i.shops["full"], i.shops["odd"], i.shops["suspended"]
	return []fault{{
		alert: "ReferralBatchesRolledBack", namespace: "full", shows: []string{`No space left on device`},
		also: []string{"ReferralDatabaseNotReady full", "ReferralChangesPilingUp full"},
		provoke: func() {
			full.onLedger(`RAISE EXCEPTION USING ERRCODE = 'disk_full', MESSAGE = 'could not extend file: No space left on device';`)
			full.record(2, 6)
		},
		mend: full.offLedger,
	}, {
		alert: "ReferralRefereesSetAside", namespace: "odd", shows: []string{`u2 .*no rule applies`},
		provoke: func() {
			odd.onLedger(`IF NEW.user_id = 'u2' THEN RAISE EXCEPTION 'no rule applies'; END IF;`)
			odd.record(2, 6)
		},
		mend: func() { // the next fact of the referee decides it again
			odd.offLedger()
			testworld.Exec(i, odd.writer, "INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('u2', 'order 2', 100, 'USD')")
		},
	}, {
		alert: "ReferralChangesPilingUp", namespace: "suspended", shows: []string{`Reason: +Suspended`, `Oldest Pending Change:`},
		provoke: func() {
			suspended.edit("adb/shop", `{"spec": {"suspend": true}}`)
			i.until("the database is suspended", func() bool {
				return suspended.status("adb/shop", "conditions[?(@.type=='Ready')].reason") == "Suspended"
			})
			suspended.record(2, 6)
		},
		mend: func() { suspended.edit("adb/shop", `{"spec": {"suspend": false}}`) },
	}}
}

// ledgerFaults change rows behind the operator's back.
func (i *installation) ledgerFaults() []fault {
	tampered, drifted, lost := i.shops["tampered"], i.shops["drifted"], i.shops["lost"]
	return []fault{{
		alert: "ReferralLedgerInconsistent", namespace: "tampered", shows: []string{`"violations":[1-9]`, `"key":"u2`},
		also: []string{"ReferralDriftCorrected tampered"}, // by the resync that repairs it
		provoke: func() {
			tampered.withoutTriggers("UPDATE referral.credit SET amount = amount + 1 WHERE user_id = 'u2'")
			tampered.request("adb/shop", "referral-operator.io/verifyRequestedAt")
		},
		mend: func() { tampered.request("rcamp/invite-friends", "reconcile.referral-operator.io/requestedAt") },
	}, {
		alert: "ReferralDriftCorrected", namespace: "drifted", shows: []string{`DriftCorrected .*repaired drift: 1 pair`},
		provoke: func() {
			drifted.withoutTriggers("UPDATE referral.purchase SET amount = 0 WHERE user_id = 'u2'")
			drifted.request("rcamp/invite-friends", "reconcile.referral-operator.io/requestedAt")
		},
	}, {
		alert: "ReferralMassReversal", namespace: "lost", shows: []string{`Reason: +MassReversal`, `purchases of [1-9]\d* pairs`, `allow-reversals=`},
		provoke: func() {
			testworld.Exec(i, lost.admin, "CREATE TABLE backup AS SELECT * FROM referral.purchase")
			testworld.Exec(i, lost.admin, "DELETE FROM referral.purchase")
		},
		mend: func() { testworld.Exec(i, lost.admin, "INSERT INTO referral.purchase SELECT * FROM backup") },
	}}
}

// overdueFaults keep verifications and resyncs from ending. Two days pass by changing when the last
// ones ended.
func (i *installation) overdueFaults() []fault {
	overdue := i.shops["overdue"]
	return []fault{{
		alert: "ReferralVerificationOverdue", namespace: "overdue", shows: []string{`cannot be verified: .*redemption`},
		also: []string{"ReferralBatchesRolledBack overdue"}, // steps of resyncs count as well
		provoke: func() {
			overdue.request("rcamp/invite-friends", "reconcile.referral-operator.io/requestedAt")
			i.until("a resync has ended", func() bool { return overdue.status("rcamp/invite-friends", "lastResyncTime") != "" })
			testworld.Exec(i, overdue.admin, "ALTER TABLE referral.redemption RENAME TO redemption_of_before")
			testworld.Exec(i, overdue.admin, "UPDATE referral.resync_campaign SET ended_at = ended_at - interval '2 days'")
			overdue.touch()
			overdue.request("adb/shop", "referral-operator.io/verifyRequestedAt")
			i.until("the verification has failed", func() bool {
				return overdue.status("adb/shop", "conditions[?(@.type=='LedgerConsistent')].reason") == "VerificationFailed"
			})
			overdue.edit("adb/shop", `{"status": {"verification": {"lastTime": "`+time.Now().Add(-48*time.Hour).UTC().Format(time.RFC3339)+`"}}}`,
				"--subresource=status")
		},
		mend: func() {
			testworld.Exec(i, overdue.admin, "ALTER TABLE referral.redemption_of_before RENAME TO redemption")
			overdue.request("adb/shop", "referral-operator.io/verifyRequestedAt")
		},
	}, {
		alert: "ReferralResyncOverdue", namespace: "overdue", shows: []string{`Type: +ResyncFailing`, `resyncs fail.*redemption`},
	}}
}

// campaignFaults concern one campaign.
func (i *installation) campaignFaults() []fault {
	spent := i.shops["spent"]
	return []fault{{
		alert: "ReferralBudgetNearlyUsed", namespace: "spent", shows: []string{`Budget Remaining: +5\.00`},
		provoke: func() {
			spent.edit("rcamp/invite-friends", `{"spec": {"budget": {"amount": "105.00", "currency": "USD"}}}`)
		},
		mend: func() {
			spent.edit("rcamp/invite-friends", `{"spec": {"budget": {"amount": "1000.00", "currency": "USD"}}}`)
		},
	}}
}

// planFault makes more plans than can be worked out while their databases are away.
func (i *installation) planFault() fault {
	namespaces := []string{"stopped", "secretless"}
	return fault{
		alert: "ReferralPlansOrReviewsPilingUp", shows: []string{`stopped +\S*slow-\w+ +invite-friends +False +Pending`},
		provoke: func() {
			for _, namespace := range namespaces {
				i.until("the database of "+namespace+" is away", func() bool {
					return i.shops[namespace].status("adb/shop", "conditions[?(@.type=='Ready')].status") == "False"
				})
				plan := fmt.Sprintf("{apiVersion: referral-operator.io/v1alpha1, kind: RewardPlan, metadata: {generateName: slow-, namespace: %s}, "+
					"spec: {campaignRef: {name: invite-friends}}}\n---\n", namespace)
				i.kubectl(strings.Repeat(plan, 11), "create", "--filename", "-")
			}
		},
		mend: func() {
			for _, namespace := range namespaces {
				i.kubectl("", "delete", "rplan", "--all", "--namespace", namespace, "--wait=false")
			}
		},
	}
}
