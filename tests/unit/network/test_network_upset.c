/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What upsets a network: restarts, others' hands in the kernel, haste, failures of every kind.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <sys/mount.h>

#include "firmware/core/clock.h"
#include "firmware/core/mem.h"
#include "tests/unit/network/scene.h"

static void scene_restart(void)
{
	struct port_request pa = publish(IPPROTO_TCP, "0.0.0.0", 18080, 80);
	struct port_request pb = publish(IPPROTO_TCP, "0.0.0.0", 18081, 80);
	char a[NETNS_PATH_MAX], b[NETNS_PATH_MAX], none[NETNS_PATH_MAX], c[NETNS_PATH_MAX];
	struct endpoint *ea, *eb, *ec;
	char id[NETWORK_ID_MAX];
	pid_t server;

	open_system();
	memcpy(id, t.n->info[NETWORK_BRIDGE].id, sizeof(id));
	ea = connect_with("aaaa", a, &pa, 1);
	eb = connect_with("bbbb", b, &pb, 1);
	CHECK_OK(netns_create(t.n, "nnnn", none, sizeof(none), &last));
	CHECK_OK(netns_create(t.n, "mmmm", c, sizeof(c), &last));
	if (!ea || !eb)
		return;
	close(eb->ports[0].fd);
	server = peer_serve(a, SOCK_STREAM, 80);
	/* The daemon is gone, its containers (and the sockets their shims hold) are not. */
	close_system(false);
	CHECK_TEXT(peer_call(NULL, SOCK_STREAM, "127.0.0.1", 18080), GATEWAY);
	open_system();
	CHECK_TEXT(t.n->info[NETWORK_BRIDGE].id, id);
	CHECK_OK(network_adopt(t.n, "aaaa", ea, &last));
	CHECK_OK(network_adopt(t.n, "aaaa", ea, &last));
	CHECK_OK(netns_adopt(t.n, "nnnn", &last));
	/* bbbb: namespace and link; mmmm: namespace. */
	CHECK(network_sweep(t.n, &last) == 3);
	CHECK(network_sweep(t.n, &last) == 0);
	CHECK(namespaces() == 2 && kernel_links() == 3);
	CHECK_TEXT(peer_call(NULL, SOCK_STREAM, "127.0.0.1", 18080), GATEWAY);
	CHECK_TEXT(peer_call(NULL, SOCK_STREAM, "127.0.0.1", 18081), "refused");
	/* What was taken over is not given to others. */
	ec = connect_with("cccc", c, NULL, 0);
	CHECK(ec && ec->ip.s_addr != ea->ip.s_addr);
	leave("cccc", ec);
	peer_stop(server);
	leave("aaaa", ea);
	free(eb);
	CHECK_OK(netns_remove(t.n, "nnnn", &last));
	CHECK_OK(netns_remove(t.n, "nnnn", &last));
	CHECK(namespaces() == 0);
	CHECK(list_empty(&t.n->live));
	close_system(true);
	CHECK(kernel_links_become(1) && !kernel_has_table("serin-" BRIDGE));
}

static void drop_table(void)
{
	struct nat_network net = {.bridge = BRIDGE};
	struct nl_socket s;

	CHECK_OK(nl_open(&s, NETLINK_NETFILTER, &last));
	CHECK_OK(nat_remove(&s, &net, &last));
	nl_close(&s);
}

/* Others flush the rule set or delete the bridge under us. */
static void scene_disturbed(void)
{
	struct port_request pa = publish(IPPROTO_TCP, "0.0.0.0", 18080, 80);
	struct port_request pb = publish(IPPROTO_TCP, "0.0.0.0", 18081, 80);
	char a[NETNS_PATH_MAX], b[NETNS_PATH_MAX];
	struct endpoint *ea, *eb;
	struct nl_socket s;
	pid_t server;

	open_system();
	ea = connect_with("aaaa", a, &pa, 1);
	drop_table();
	eb = connect_with("bbbb", b, &pb, 1);
	if (!ea || !eb)
		return;
	server = peer_serve(a, SOCK_STREAM, 80);
	CHECK_TEXT(peer_call(NULL, SOCK_STREAM, "127.0.0.1", 18080), GATEWAY);
	CHECK_TEXT(peer_call(NULL, SOCK_STREAM, "127.0.0.1", 18081), "refused");
	peer_stop(server);
	drop_table();
	leave("aaaa", ea);
	leave("bbbb", eb);
	CHECK_OK(nl_open(&s, NETLINK_ROUTE, &last));
	CHECK_OK(link_delete(&s, BRIDGE, &last));
	nl_close(&s);
	ea = connect_with("aaaa", a, &pa, 1);
	if (!ea)
		return;
	server = peer_serve(a, SOCK_STREAM, 80);
	CHECK_TEXT(peer_call(NULL, SOCK_STREAM, "127.0.0.1", 18080), GATEWAY);
	peer_stop(server);
	leave("aaaa", ea);
	close_system(true);
	CHECK(kernel_links_become(1));
}

/* In and out as fast as can be: names of links that are still going away do not get in the way. */
static void scene_quickly(void)
{
	struct port_request port = publish(IPPROTO_TCP, "0.0.0.0", 18080, 80);
	char a[NETNS_PATH_MAX];
	int64_t in = 0, out = 0;
	enum { ROUNDS = 40 };

	open_system();
	for (int i = 0; i < ROUNDS; i++) {
		int64_t start = clock_mono(), middle;
		struct endpoint *ep = connect_with("aaaa", a, &port, 1);

		middle = clock_mono();
		if (!ep)
			return;
		leave("aaaa", ep);
		in += middle - start;
		out += clock_mono() - middle;
	}
	printf("# connect %lld us, disconnect %lld us\n", (long long)(in / ROUNDS / 1000),
	       (long long)(out / ROUNDS / 1000));
	CHECK(namespaces() == 0);
	close_system(true);
	CHECK(kernel_links_become(1));
}

static void scene_existing_bridge(void)
{
	struct bridge_plan plan = {.name = BRIDGE, .prefix_len = 24};
	struct nl_socket s = {.fd = -1};
	struct endpoint *ep;
	char a[NETNS_PATH_MAX];
	int index;

	inet_pton(AF_INET, "10.98.0.9", &plan.addr);
	CHECK_OK(nl_open(&s, NETLINK_ROUTE, &last));
	CHECK_OK(bridge_ensure(&s, &plan, &index, &last));
	open_system();
	CHECK_TEXT(t.n->info[NETWORK_BRIDGE].subnet, "10.98.0.0/24");
	CHECK_TEXT(t.n->info[NETWORK_BRIDGE].gateway, "10.98.0.9");
	ep = connect_with("aaaa", a, NULL, 0);
	if (!ep)
		return;
	CHECK_TEXT(address(ep), "10.98.0.1");
	leave("aaaa", ep);
	close_system(true);
	CHECK_OK(link_delete(&s, BRIDGE, &last));
	nl_close(&s);
	CHECK(kernel_links_become(1));
}

/* Whatever fails in the middle, nothing stays behind and nothing stays taken. */
static void expect_nothing_taken(void)
{
	CHECK(namespaces() == 0);
	CHECK(t.n->ports.n == 0 && t.n->bridge.ipam.n == 1 && list_empty(&t.n->live));
}

static void scene_failures(void)
{
	struct port_request port = publish(IPPROTO_TCP, "0.0.0.0", 18080, 80);
	struct connect_request req = {
		.container_id = "aaaa", .container_name = "alice", .ports = &port, .n_ports = 1};
	struct endpoint *ep = calloc(1, sizeof(*ep));
	struct bridge_plan other = {.name = "other0", .prefix_len = 24};
	char path[NETNS_PATH_MAX];
	struct nl_socket s = {.fd = -1};
	int r = -1, index;

	open_system();
	/* No memory, at each place where some is asked for in turn. */
	for (int i = 0; r < 0 && i < 100; i++) {
		mem_fail_after(i);
		r = network_connect(t.n, &req, ep, path, sizeof(path), &last);
		mem_fail_after(-1);
		CHECK(r == 0 || r == -ENOMEM);
		if (r < 0)
			expect_nothing_taken();
	}
	CHECK(r == 0);
	leave("aaaa", ep);
	/* No room for the namespace's file. */
	CHECK(mount("none", t.n->netns_dir, "tmpfs", 0, "nr_inodes=1") == 0);
	ep = calloc(1, sizeof(*ep));
	CHECK(network_connect(t.n, &req, ep, path, sizeof(path), &last) == -ENOSPC);
	expect_nothing_taken();
	CHECK(umount2(t.n->netns_dir, MNT_DETACH) == 0);
	req.mac = "01:00:00:00:00:01";
	CHECK(network_connect(t.n, &req, ep, path, sizeof(path), &last) == -EINVAL);
	CHECK_TEXT(last.msg, "invalid MAC address: 01:00:00:00:00:01");
	req.mac = "02:42:00:00:00:0x";
	CHECK(network_connect(t.n, &req, ep, path, sizeof(path), &last) == -EINVAL);
	expect_nothing_taken();
	/* Another bridge has our subnet. */
	close_system(true);
	CHECK(kernel_links_become(1));
	inet_pton(AF_INET, "172.29.7.1", &other.addr);
	CHECK_OK(nl_open(&s, NETLINK_ROUTE, &last));
	CHECK_OK(bridge_ensure(&s, &other, &index, &last));
	open_system();
	req.mac = "02:42:00:00:00:0a";
	CHECK(network_connect(t.n, &req, ep, path, sizeof(path), &last) < 0);
	CHECK_TEXT(last.msg, "bridge " BRIDGE ": its subnet overlaps with 172.29.7.1/24 of other0: "
			     "choose another (--bip)");
	expect_nothing_taken();
	CHECK_OK(bridge_remove(&s, "other0", &last));
	nl_close(&s);
	CHECK_OK(network_connect(t.n, &req, ep, path, sizeof(path), &last));
	CHECK(ep->mac[5] == 10 && ep->mac[4] == 0);
	leave("aaaa", ep);
	close_system(true);
	CHECK(kernel_links_become(1));
}

SCENE(restart)
SCENE(disturbed)
SCENE(quickly)
SCENE(existing_bridge)
SCENE(failures)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restart),	 cmocka_unit_test(test_disturbed),
		cmocka_unit_test(test_quickly),	 cmocka_unit_test(test_existing_bridge),
		cmocka_unit_test(test_failures),
	};

	setvbuf(stdout, NULL, _IOLBF, 0);
	return cmocka_run_group_tests(tests, start, stop);
}
