package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
)

// play tells the story in order.
func play(ctx context.Context, w *world) error {
	for _, part := range []func(context.Context, *world) error{
		install, declare, share, signUp, earn, secondFriend, refund, outOfOrder, newTerms, limit,
	} {
		if err := part(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

func install(ctx context.Context, w *world) error {
	w.screen.step("The platform team installs the operator")
	if err := w.kubectl(ctx, "apply", "--server-side", "-k", "config/default"); err != nil {
		return err
	}
	w.screen.tell("This cluster has no node to run Pods. The same program runs as a process instead, with a token of the\n" +
		"ServiceAccount that was just created, so it has exactly the rights that it has in a Pod.")
	return w.startManager(ctx)
}

func declare(ctx context.Context, w *world) error {
	w.screen.step("It declares the referral program")
	policy, err := os.ReadFile(filepath.Join(w.root, "config", "samples", "rewardpolicy.yaml"))
	if err != nil {
		return fmt.Errorf("while reading the sample policy: %w", err)
	}
	w.screen.command("$", "cat config/samples/rewardpolicy.yaml")
	w.screen.output(string(policy))
	if err := w.kubectl(ctx, "create", "namespace", namespace); err != nil {
		return err
	}
	if err := w.createSecret(ctx); err != nil {
		return err
	}
	if err := w.kubectl(ctx, "apply", "-k", "config/samples"); err != nil {
		return err
	}
	if err := w.kubectl(ctx, "wait", "adb,rpol,rcamp", "--all", "-n", namespace,
		"--for=condition=Ready", "--timeout="+timeout); err != nil {
		return err
	}
	w.shop, err = openShop(ctx, w.screen, w.database)
	if err != nil {
		return err
	}
	return w.showObjects(ctx)
}

// createSecret stores the URI of the database where the operator reads it.
func (w *world) createSecret(ctx context.Context) error {
	shown, err := url.Parse(w.database.URI)
	if err != nil {
		return fmt.Errorf("the database's URI is not a URL") // the cause would repeat its password
	}
	create := func(uri string) []string {
		return []string{"create", "secret", "generic", "shop-db", "-n", namespace, "--from-literal=uri=" + uri}
	}
	return w.kubectlAs(ctx, "kubectl "+shellWords(create(shown.Redacted())), create(w.database.URI)...)
}

func (w *world) showObjects(ctx context.Context) error {
	return w.kubectl(ctx, "get", "rcamp,rpol,adb", "-n", namespace)
}

// showCampaign waits until a field of the campaign's status has a value, and shows the campaign:
// counters are read at intervals.
func (w *world) showCampaign(ctx context.Context, field, value string) error {
	if err := w.awaitStatus(ctx, campaign, field, value); err != nil {
		return err
	}
	return w.kubectl(ctx, "get", campaign, "-n", namespace, "-o", "wide")
}

// showMoney shows ledger and balances.
func (w *world) showMoney(ctx context.Context) error {
	if err := w.shop.show(ctx, "ledger"); err != nil {
		return err
	}
	return w.shop.show(ctx, "balance")
}

// share plays the visitor's part: the shop makes a link, and a friend follows it.
func share(ctx context.Context, w *world) error {
	w.screen.step("Alice shares her link, and a friend follows it")
	w.screen.tell("The shop runs the tracker, which serves links and takes facts by HTTP. It connects as the plain Postgres\n" +
		"role that spec.roles.writers names. The file keys encrypts visitors' cookies; the file tokens holds the\n" +
		"shop's API token.")
	if err := w.startTracker(ctx); err != nil {
		return err
	}
	w.screen.tell("The shop asks for alice's link and shows it on her page:")
	var link struct {
		URL string `json:"url"`
	}
	if err := w.post(ctx, "/v1/links",
		`{"referrer_id": "alice", "campaign": "invite-friends", "label": "invite-friends"}`, &link); err != nil {
		return err
	}
	w.screen.tell("A friend follows it. The answer leads to the shop, with a cookie that only the tracker can read:")
	var err error
	if w.visitor, err = newVisitor(); err != nil {
		return err
	}
	return w.follow(ctx, link.URL)
}

func signUp(ctx context.Context, w *world) error {
	w.screen.step("The friend signs up as bob, and buys for $25.00")
	w.screen.tell("The browser sends the cookie with the signup form, and the shop passes it on:")
	if err := w.post(ctx, "/v1/signups", `{"user_id": "bob", "visitor": "`+w.visitor.token+`"}`, nil); err != nil {
		return err
	}
	if err := w.shop.show(ctx, "attribution"); err != nil {
		return err
	}
	w.screen.tell("Amounts are in minor units: 2500 cents.")
	return w.post(ctx, "/v1/purchases",
		`{"user_id": "bob", "purchase_id": "order-1", "amount": 2500, "currency": "USD"}`, nil)
}

func earn(ctx context.Context, w *world) error {
	w.screen.step("Alice has earned $5.00")
	w.screen.tell("The shop shows it on her page, the database has it as an entry and as a sum, and the campaign counts it:")
	if err := w.call(ctx, http.MethodGet, "/v1/referrers/alice/balance", "", nil); err != nil {
		return err
	}
	if err := w.showMoney(ctx); err != nil {
		return err
	}
	if err := w.shop.expect(ctx, "alice", 500); err != nil {
		return err
	}
	return w.showCampaign(ctx, "pairs.granted", "1")
}

func secondFriend(ctx context.Context, w *world) error {
	w.screen.step("The same in plain SQL: carol follows another link of alice, signs up and buys")
	w.screen.tell("A shop can also write facts in its own transactions, as the same role. The operator treats both alike.")
	for _, name := range []string{"alice_link", "visitor_touch", "carol_signup", "carol_small_purchase"} {
		if err := w.shop.record(ctx, name); err != nil {
			return err
		}
	}
	if err := w.shop.expect(ctx, "alice", 500); err != nil {
		return err
	}
	w.screen.tell("$15.00 is below the policy's minimum, so alice earns nothing yet. Carol's second order counts:")
	if err := w.shop.record(ctx, "carol_purchase"); err != nil {
		return err
	}
	if err := w.shop.show(ctx, "balance"); err != nil {
		return err
	}
	return w.shop.expect(ctx, "alice", 1000)
}

func refund(ctx context.Context, w *world) error {
	w.screen.step("Bob gets his money back, so the $5.00 for his order is reversed")
	if err := w.shop.record(ctx, "bob_refund"); err != nil {
		return err
	}
	if err := w.showMoney(ctx); err != nil {
		return err
	}
	if err := w.shop.show(ctx, "pair"); err != nil {
		return err
	}
	if err := w.shop.expect(ctx, "alice", 500); err != nil {
		return err
	}
	return w.showCampaign(ctx, "pairs.reversed", "1")
}

func outOfOrder(ctx context.Context, w *world) error {
	w.screen.step("Late facts, and facts in the wrong order, lead to the same result")
	w.screen.tell("Dave's order is recorded first, then his signup, and last the visit that brought him:")
	if err := w.shop.record(ctx, "dave_purchase_signup"); err != nil {
		return err
	}
	if err := w.shop.expect(ctx, "alice", 500); err != nil {
		return err
	}
	if err := w.shop.record(ctx, "dave_touch"); err != nil {
		return err
	}
	if err := w.shop.show(ctx, "balance"); err != nil {
		return err
	}
	if err := w.shop.expect(ctx, "alice", 1000); err != nil {
		return err
	}
	w.screen.tell("Erin's refund is recorded before her order. The net of the order, $15.00, is below the minimum:")
	if err := w.shop.record(ctx, "erin_refund_first"); err != nil {
		return err
	}
	if err := w.shop.show(ctx, "balance"); err != nil {
		return err
	}
	return w.shop.expect(ctx, "alice", 1000)
}

func newTerms(ctx context.Context, w *world) error {
	w.screen.step("New terms: from now on the friend gets 10 % of the order as well")
	const friend = `[{"op": "add", "path": "/spec/rewards/-", "value":
  {"name": "friend", "beneficiary": "Referee", "percentage": {"rate": "10"}}}]`
	if err := w.kubectl(ctx, "patch", "rpol", "five-dollars", "-n", namespace, "--type=json", "-p", friend); err != nil {
		return err
	}
	if err := w.awaitStatus(ctx, campaign, "policy.revision", "2"); err != nil {
		return err
	}
	if err := w.shop.record(ctx, "frank"); err != nil {
		return err
	}
	if err := w.showMoney(ctx); err != nil {
		return err
	}
	w.screen.tell("Earlier pairs keep their terms: their ledger entries are unchanged.")
	if err := w.shop.expect(ctx, "alice", 1500); err != nil {
		return err
	}
	if err := w.shop.expect(ctx, "frank", 300); err != nil {
		return err
	}
	return w.showCampaign(ctx, "credit", "18.00 USD")
}

func limit(ctx context.Context, w *world) error {
	w.screen.step("A limit: alice may have three friends, so the fourth waits")
	const three = `{"spec": {"limits": {"pairsPerReferrer": 3}}}`
	if err := w.kubectl(ctx, "patch", "rpol", "five-dollars", "-n", namespace, "--type=merge", "-p", three); err != nil {
		return err
	}
	if err := w.shop.awaitCap(ctx, 3); err != nil {
		return err
	}
	if err := w.shop.record(ctx, "gina"); err != nil {
		return err
	}
	if err := w.shop.show(ctx, "pair"); err != nil {
		return err
	}
	if err := w.shop.expect(ctx, "gina", 0); err != nil {
		return err
	}
	w.screen.tell("Carol gets her money back. That frees capacity, and gina's pair is admitted:")
	if err := w.shop.record(ctx, "carol_refund"); err != nil {
		return err
	}
	if err := w.shop.show(ctx, "balance"); err != nil {
		return err
	}
	if err := w.shop.expect(ctx, "alice", 1500); err != nil {
		return err
	}
	if err := w.shop.expect(ctx, "gina", 500); err != nil {
		return err
	}
	if err := w.showCampaign(ctx, "credit", "23.00 USD"); err != nil {
		return err
	}
	w.screen.tell("The campaign has a limit as well, its budget. Remaining:")
	return w.kubectl(ctx, "get", campaign, "-n", namespace, "-o", "jsonpath={.status.credits[0].budgetRemaining}")
}
