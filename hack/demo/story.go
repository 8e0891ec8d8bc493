package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
)

// play is the story, in the order in which it is told.
func play(ctx context.Context, w *world) error {
	for _, part := range []func(context.Context, *world) error{
		install, declare, share, signUp, buy, secondFriend, refund, outOfOrder, newTerms, limit,
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
	w.screen.tell("No node here would run its Pods. The same program runs as a process instead, with a token of the\n" +
		"ServiceAccount just made, and so with no other rights than in a Pod.")
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

// createSecret gives the operator its way into the database, as a user would.
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

// showCampaign shows the campaign once a field of its status has the value that
// follows from the ledger: counters are read now and then, not at once.
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

func share(ctx context.Context, w *world) error {
	w.screen.step("Alice shares a link, and somebody follows it")
	w.screen.tell("From here on the shop writes facts with plain SQL, as the role that spec.roles.writers names. Below each\n" +
		"write stands how long it took until the operator had decided what follows from it.")
	if err := w.shop.record(ctx, "alice_link"); err != nil {
		return err
	}
	return w.shop.record(ctx, "visitor_touch")
}

func signUp(ctx context.Context, w *world) error {
	w.screen.step("The visitor signs up and is bob")
	if err := w.shop.record(ctx, "bob_signup"); err != nil {
		return err
	}
	return w.shop.show(ctx, "attribution")
}

func buy(ctx context.Context, w *world) error {
	w.screen.step("Bob buys for $25.00: alice has her $5.00")
	if err := w.shop.record(ctx, "bob_purchase"); err != nil {
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
	w.screen.step("Carol types alice's code; her first order is too small, her second counts")
	if err := w.shop.record(ctx, "carol_small_purchase"); err != nil {
		return err
	}
	if err := w.shop.expect(ctx, "alice", 500); err != nil {
		return err
	}
	w.screen.tell("$15.00 is below the policy's minimum: alice has what she had.")
	if err := w.shop.record(ctx, "carol_purchase"); err != nil {
		return err
	}
	if err := w.shop.show(ctx, "balance"); err != nil {
		return err
	}
	return w.shop.expect(ctx, "alice", 1000)
}

func refund(ctx context.Context, w *world) error {
	w.screen.step("Bob gets his money back: the $5.00 for his order goes")
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
	w.screen.step("Facts that come late, or in the wrong order, come to the same")
	w.screen.tell("Dave's order is recorded first, then his signup, and last the visit that he came by:")
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
	w.screen.tell("Erin's refund is recorded before her order. What is left of it, $15.00, is below the minimum:")
	if err := w.shop.record(ctx, "erin_refund_first"); err != nil {
		return err
	}
	if err := w.shop.show(ctx, "balance"); err != nil {
		return err
	}
	return w.shop.expect(ctx, "alice", 1000)
}

func newTerms(ctx context.Context, w *world) error {
	w.screen.step("New terms: from now on the friend gets 10 % of the order, too")
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
	w.screen.tell("Who bought before keeps the terms of then: the ledger's earlier entries are as they were.")
	if err := w.shop.expect(ctx, "alice", 1500); err != nil {
		return err
	}
	if err := w.shop.expect(ctx, "frank", 300); err != nil {
		return err
	}
	return w.showCampaign(ctx, "credit", "18.00 USD")
}

func limit(ctx context.Context, w *world) error {
	w.screen.step("A limit: alice may have three friends, so the fourth waits until there is room")
	const three = `{"spec": {"limits": {"pairsPerReferrer": 3}}}`
	if err := w.kubectl(ctx, "patch", "rpol", "five-dollars", "-n", namespace, "--type=merge", "-p", three); err != nil {
		return err
	}
	if err := w.awaitStatus(ctx, campaign, "policy.revision", "3"); err != nil {
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
	w.screen.tell("Carol gets her money back, which makes room for gina:")
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
	w.screen.tell("The campaign has a limit, too, its budget. What is left of it:")
	return w.kubectl(ctx, "get", campaign, "-n", namespace, "-o", "jsonpath={.status.credits[0].budgetRemaining}")
}
