/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole of it against the kernel, in a network namespace of the test's own, so that nothing
 * touches the host: needs root. Scenes run on a fiber; failures are noted there and asserted
 * outside, for a longjmp must not leave a fiber.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "firmware/core/file.h"
#include "firmware/core/mem.h"
#include "runtime/network/private.h"
#include "tests/unit/needs.h"
#include "tests/unit/network/kernel.h"
#include "tests/unit/network/peer.h"

#define BRIDGE "serintest0"
#define GATEWAY "172.29.0.1"

static struct {
	char root[64], data[96], exec[96];
	struct engine_options opt;
	struct network_system *n;
	int failures;
	void (*scene)(void);
	char skip[160];
} t;

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			t.failures++;                                                              \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #condition);                   \
		}                                                                                  \
	} while (0)
#define CHECK_TEXT(got, want) check_text(got, want, __LINE__)
#define CHECK_OK(call) check_ok((call), #call, __LINE__)

static struct err last;

static void check_text(const char *got, const char *want, int line)
{
	if (strcmp(got, want) == 0)
		return;
	t.failures++;
	printf("# %s:%d: got \"%s\", want \"%s\"\n", __FILE__, line, got, want);
}

static bool check_ok(int r, const char *what, int line)
{
	if (r < 0) {
		t.failures++;
		printf("# %s:%d: %s: %d %s\n", __FILE__, line, what, r, last.msg);
	}
	return r >= 0;
}

static int namespaces(void)
{
	DIR *dir = opendir(t.n ? t.n->netns_dir : "/nonexistent");
	int count = 0;

	if (!dir)
		return -1;
	for (struct dirent *d; (d = readdir(dir));)
		count += d->d_name[0] != '.';
	closedir(dir);
	return count;
}

/* --- helpers of scenes --- */

static void open_system(void)
{
	CHECK_OK(network_open(&t.n, &t.opt, &last));
}

static struct endpoint *connect_with(const char *id, char *path, const struct port_request *ports,
				     size_t n_ports)
{
	struct connect_request req = {
		.container_id = id, .container_name = id, .ports = ports, .n_ports = n_ports};
	struct endpoint *ep = calloc(1, sizeof(*ep));

	if (!ep || !CHECK_OK(network_connect(t.n, &req, ep, path, NETNS_PATH_MAX, &last))) {
		free(ep);
		return NULL;
	}
	return ep;
}

static void leave(const char *id, struct endpoint *ep)
{
	if (ep)
		CHECK_OK(network_disconnect(t.n, id, ep, &last));
	free(ep);
}

static const char *address(const struct endpoint *ep)
{
	static char text[INET_ADDRSTRLEN];

	return inet_ntop(AF_INET, &ep->ip, text, sizeof(text));
}

static struct port_request publish(uint8_t proto, const char *ip, uint16_t host, uint16_t port)
{
	struct port_request r = {
		.proto = proto, .port = port, .host_first = host, .host_last = host};

	inet_pton(AF_INET, ip, &r.host_ip);
	return r;
}

static void close_system(bool take_down)
{
	network_close(t.n, take_down);
	t.n = NULL;
}

/* --- scenes --- */

static void scene_two_containers(void)
{
	char a[NETNS_PATH_MAX], b[NETNS_PATH_MAX];
	struct endpoint *ea, *eb;
	pid_t server;

	open_system();
	CHECK(kernel_links() == 1);
	ea = connect_with("aaaa", a, NULL, 0);
	eb = connect_with("bbbb", b, NULL, 0);
	if (!ea || !eb)
		return;
	CHECK_TEXT(address(ea), "172.29.0.2");
	CHECK_TEXT(address(eb), "172.29.0.3");
	CHECK(ea->mac[0] == 2 && ea->mac[1] == 0x42 && ea->mac[5] == 2);
	CHECK(strcmp(ea->host_if, eb->host_if) != 0);
	CHECK(kernel_links() == 4 && namespaces() == 2 && kernel_has_table("serin-" BRIDGE));
	server = peer_serve(a, SOCK_STREAM, 80);
	CHECK(server > 0);
	CHECK_TEXT(peer_call(b, SOCK_STREAM, "172.29.0.2", 80), "172.29.0.3");
	CHECK_TEXT(peer_call(NULL, SOCK_STREAM, "172.29.0.2", 80), GATEWAY);
	CHECK_TEXT(peer_call(a, SOCK_STREAM, "127.0.0.1", 80), "127.0.0.1");
	CHECK_TEXT(peer_call(b, SOCK_STREAM, "172.29.0.2", 81), "refused");
	peer_stop(server);
	leave("aaaa", ea);
	leave("bbbb", eb);
	CHECK(namespaces() == 0);
	CHECK(kernel_links_become(2));
	close_system(true);
	CHECK(kernel_links() == 1 && !kernel_has_table("serin-" BRIDGE));
}

/* Published ports from everywhere, with bridged packets in netfilter or not. */
static void check_published(const char *a, const char *b, const char *outside)
{
	CHECK_TEXT(peer_call(NULL, SOCK_STREAM, "127.0.0.1", 18080), GATEWAY);
	CHECK_TEXT(peer_call(NULL, SOCK_STREAM, GATEWAY, 18080), GATEWAY);
	CHECK_TEXT(peer_call(NULL, SOCK_STREAM, "127.0.0.1", 18081), GATEWAY);
	CHECK_TEXT(peer_call(NULL, SOCK_STREAM, GATEWAY, 18081), "refused");
	CHECK_TEXT(peer_call(NULL, SOCK_DGRAM, "127.0.0.1", 18053), GATEWAY);
	CHECK_TEXT(peer_call(NULL, SOCK_DGRAM, GATEWAY, 18053), GATEWAY);
	/* A neighbour, and the container itself. */
	CHECK_TEXT(peer_call(b, SOCK_STREAM, GATEWAY, 18080), GATEWAY);
	CHECK_TEXT(peer_call(a, SOCK_STREAM, GATEWAY, 18080), GATEWAY);
	CHECK_TEXT(peer_call(a, SOCK_DGRAM, GATEWAY, 18053), GATEWAY);
	/* Another machine: it is seen as itself, and reaches nothing that is not published. */
	CHECK_TEXT(peer_call(outside, SOCK_STREAM, "10.99.0.1", 18080), "10.99.0.2");
	CHECK_TEXT(peer_call(outside, SOCK_DGRAM, "10.99.0.1", 18053), "10.99.0.2");
	CHECK_TEXT(peer_call(outside, SOCK_STREAM, "10.99.0.1", 18081), "refused");
	CHECK_TEXT(peer_call(outside, SOCK_STREAM, "172.29.0.2", 80), "timeout");
}

/* A neighbour of the host on another bridge, with a route to everything through the host. */
static bool make_outside(char *path, size_t size)
{
	struct bridge_plan plan = {.name = "outside0", .prefix_len = 24};
	struct veth_plan veth = {.bridge = "outside0",
				 .host_if = "vethoutside",
				 .owner = "outside",
				 .prefix_len = 24};
	struct nl_socket s = {.fd = -1};
	bool ok;

	snprintf(path, size, "%s/outside", t.root);
	inet_pton(AF_INET, "10.99.0.1", &plan.addr);
	inet_pton(AF_INET, "10.99.0.2", &veth.addr);
	veth.gateway = plan.addr;
	veth_mac(veth.addr, veth.mac);
	ok = CHECK_OK(nl_open(&s, NETLINK_ROUTE, &last)) &&
	     CHECK_OK(bridge_ensure(&s, &plan, &veth.bridge_index, &last)) &&
	     CHECK_OK(netns_make(path, t.n->host_ns, &s, &veth, &last));
	nl_close(&s);
	return ok;
}

static void remove_outside(const char *path)
{
	struct nl_socket s = {.fd = -1};

	CHECK_OK(netns_unpin(path, &last));
	CHECK_OK(nl_open(&s, NETLINK_ROUTE, &last));
	CHECK_OK(link_delete(&s, "vethoutside", &last));
	CHECK_OK(bridge_remove(&s, "outside0", &last));
	nl_close(&s);
}

static void scene_published(void)
{
	struct port_request ports[] = {publish(IPPROTO_TCP, "0.0.0.0", 18080, 80),
				       publish(IPPROTO_TCP, "127.0.0.1", 18081, 80),
				       publish(IPPROTO_UDP, "0.0.0.0", 18053, 53),
				       publish(IPPROTO_TCP, "0.0.0.0", 0, 80)};
	char a[NETNS_PATH_MAX], b[NETNS_PATH_MAX], outside[NETNS_PATH_MAX];
	pid_t tcp, udp, far;
	struct endpoint *ea, *eb;

	open_system();
	ea = connect_with("aaaa", a, ports, 4);
	eb = connect_with("bbbb", b, NULL, 0);
	if (!ea || !eb || !make_outside(outside, sizeof(outside)))
		return;
	tcp = peer_serve(a, SOCK_STREAM, 80);
	udp = peer_serve(a, SOCK_DGRAM, 53);
	far = peer_serve(outside, SOCK_STREAM, 99);
	CHECK(tcp > 0 && udp > 0 && far > 0);
	CHECK(ea->n_ports == 4 && ea->ports[3].host_port >= 1024 && ea->ports[3].fd >= 0);
	check_published(a, b, outside);
	CHECK_TEXT(peer_call(NULL, SOCK_STREAM, "127.0.0.1", ea->ports[3].host_port), GATEWAY);
	/* The other way: containers go out in the host's name. */
	CHECK_TEXT(peer_call(b, SOCK_STREAM, "10.99.0.2", 99), "10.99.0.1");
	/* The other setting, where the kernel has it. */
	if (access("/proc/sys/net/bridge/bridge-nf-call-iptables", W_OK) == 0) {
		static const char path[] = "/proc/sys/net/bridge/bridge-nf-call-iptables";

		CHECK_OK(sysctl_write(path, "0", &last));
		check_published(a, b, outside);
		CHECK_OK(sysctl_write(path, "1", &last));
		check_published(a, b, outside);
	}
	peer_stop(tcp);
	peer_stop(udp);
	peer_stop(far);
	leave("aaaa", ea);
	CHECK_TEXT(peer_call(NULL, SOCK_STREAM, "127.0.0.1", 18080), "refused");
	CHECK(t.n->ports.n == 0);
	leave("bbbb", eb);
	remove_outside(outside);
	close_system(true);
	CHECK(kernel_links_become(1));
}

static void scene_port_errors(void)
{
	struct port_request port = publish(IPPROTO_TCP, "0.0.0.0", 18080, 80);
	struct connect_request req = {
		.container_id = "bbbb", .container_name = "bob", .ports = &port, .n_ports = 1};
	struct endpoint *ep = calloc(1, sizeof(*ep)), *ea;
	char a[NETNS_PATH_MAX], want[320];
	const char *id;
	pid_t server;

	open_system();
	ea = connect_with("aaaa", a, &port, 1);
	if (!ea || !ep)
		return;
	CHECK(network_connect(t.n, &req, ep, a, sizeof(a), &last) == -EADDRINUSE);
	id = strchr(last.msg, '(');
	snprintf(want, sizeof(want),
		 "driver failed programming external connectivity on endpoint bob %.66s: Bind for "
		 "0.0.0.0:18080 failed: port is already allocated",
		 id ? id : "");
	CHECK_TEXT(last.msg, want);
	CHECK(ep->n_ports == 0 && !ep->connected);
	server = peer_serve(NULL, SOCK_STREAM, 18090);
	port.host_first = port.host_last = 18090;
	CHECK(network_connect(t.n, &req, ep, a, sizeof(a), &last) == -EADDRINUSE);
	CHECK(strstr(last.msg, "failed to bind host port for 0.0.0.0:18090:172.29.0."));
	CHECK(strstr(last.msg, ":80/tcp: address already in use"));
	peer_stop(server);
	/* Nothing stuck to either failure. */
	CHECK(namespaces() == 1 && t.n->ports.n == 1);
	CHECK_OK(network_connect(t.n, &req, ep, a, sizeof(a), &last));
	CHECK(network_connect(t.n, &req, ep, a, sizeof(a), &last) < 0);
	CHECK(last.kind == ERR_CONFLICT);
	leave("aaaa", ea);
	leave("bbbb", ep);
	close_system(true);
	CHECK(kernel_links_become(1));
}

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

static void expect_file(const char *name, const char *want)
{
	char path[160], text[1024] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", t.root, name);
	f = fopen(path, "re");
	CHECK(f != NULL);
	if (!f)
		return;
	CHECK(fread(text, 1, sizeof(text) - 1, f) > 0);
	fclose(f);
	CHECK(strstr(text, want) != NULL);
}

static void scene_files_and_lookup(void)
{
	const char *extra[] = {"up:host-gateway"}, *dns[] = {"9.9.9.9"};
	struct texts hosts = {extra, 1, true}, servers = {dns, 1, true};
	struct hosts_request req = {.dir = t.root,
				    .hostname = "box",
				    .ip = "172.29.0.2",
				    .extra_hosts = &hosts,
				    .dns = &servers};
	const struct network_info *list;
	char prefix[NETWORK_ID_MAX];

	open_system();
	CHECK_OK(network_write_files(t.n, &req, &last));
	expect_file("hosts", GATEWAY "\tup\n172.29.0.2\tbox\n");
	expect_file("hostname", "box\n");
	expect_file("resolv.conf", "nameserver 9.9.9.9\n");
	req.dir = "/nonexistent";
	CHECK(network_write_files(t.n, &req, &last) == -ENOENT);
	CHECK(network_list(t.n, &list) == 3);
	CHECK(network_find(t.n, "host") == &list[1]);
	CHECK(network_find(t.n, list[2].id) == &list[2]);
	memcpy(prefix, list[0].id, sizeof(prefix));
	prefix[20] = '\0';
	CHECK(network_find(t.n, prefix) == &list[0]);
	CHECK(network_find(t.n, "") == NULL);
	CHECK(network_find(t.n, "bridges") == NULL);
	/* A daemon's start makes the bridge, its end takes it down, at once as well. */
	CHECK(network_sweep(t.n, &last) == 0);
	close_system(true);
	CHECK(kernel_links() == 1 && !kernel_has_table("serin-" BRIDGE));
	open_system();
	CHECK(network_sweep(t.n, &last) == 0);
	for (int i = 0; i < 100 && !t.n->bridge.ready; i++)
		(void)fiber_sleep_ms(5);
	CHECK(kernel_links() == 2 && kernel_has_table("serin-" BRIDGE));
	list = t.n->info;
	CHECK_TEXT(list[0].subnet, "172.29.0.0/16");
	CHECK_TEXT(list[0].gateway, GATEWAY);
	CHECK(netns_create(t.n, "../x", prefix, sizeof(prefix), &last) < 0);
	close_system(true);
}

/* --- frame --- */

static void scene_fiber(void *arg)
{
	(void)arg;
	t.scene();
	loop_stop();
}

static void play(void (*scene)(void))
{
	if (t.skip[0]) {
		print_message("# SKIP %s\n", t.skip);
		skip();
	}
	t.failures = 0;
	t.scene = scene;
	assert_int_equal(fiber_spawn("scene", scene_fiber, NULL, POOL_NORMAL, NULL), 0);
	loop_run();
	assert_int_equal(t.failures, 0);
}

#define SCENE(name)                                                                                \
	static void test_##name(void **state)                                                      \
	{                                                                                          \
		(void)state;                                                                       \
		play(scene_##name);                                                                \
	}
SCENE(two_containers)
SCENE(published)
SCENE(port_errors)
SCENE(restart)
SCENE(disturbed)
SCENE(quickly)
SCENE(existing_bridge)
SCENE(failures)
SCENE(files_and_lookup)

static int start(void **state)
{
	(void)state;
	if (geteuid() != 0 || unshare(CLONE_NEWNET | CLONE_NEWNS) < 0) {
		snprintf(t.skip, sizeof(t.skip), "needs root and a network namespace of its own");
		return 0;
	}
	if (lacks_nfnetlink()) {
		snprintf(t.skip, sizeof(t.skip), "%s", lacks_nfnetlink());
		return 0;
	}
	mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	snprintf(t.root, sizeof(t.root), "/tmp/serin-network-XXXXXX");
	if (!mkdtemp(t.root))
		return -1;
	snprintf(t.data, sizeof(t.data), "%s/data", t.root);
	snprintf(t.exec, sizeof(t.exec), "%s/exec", t.root);
	t.opt = (struct engine_options){
		.data_root = t.data, .exec_root = t.exec, .bridge = BRIDGE, .bip = GATEWAY "/16"};
	if (!kernel_loopback_up())
		return -1;
	return arena_system_init(&last) < 0 || loop_init(&last) < 0 ||
			       fiber_system_init(&last) < 0 || job_system_init(&last) < 0
		       ? -1
		       : 0;
}

static int stop(void **state)
{
	(void)state;
	if (t.skip[0])
		return 0;
	job_system_fini();
	fiber_system_fini();
	loop_fini();
	arena_system_fini();
	return tree_remove_at(AT_FDCWD, t.root, &last);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_containers),	 cmocka_unit_test(test_published),
		cmocka_unit_test(test_port_errors),	 cmocka_unit_test(test_restart),
		cmocka_unit_test(test_disturbed),	 cmocka_unit_test(test_quickly),
		cmocka_unit_test(test_existing_bridge),	 cmocka_unit_test(test_failures),
		cmocka_unit_test(test_files_and_lookup),
	};

	setvbuf(stdout, NULL, _IOLBF, 0);
	return cmocka_run_group_tests(tests, start, stop);
}
