/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers on the bridge, their published ports and files.
 */
#include <arpa/inet.h>
#include <errno.h>

#include "tests/unit/network/scene.h"

enum { SILENCE_MS = 1000 };

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
	CHECK_TEXT(peer_call_within(SILENCE_MS, outside, SOCK_STREAM, "172.29.0.2", 80), "timeout");
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

SCENE(two_containers)
SCENE(published)
SCENE(port_errors)
SCENE(files_and_lookup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_containers),
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_port_errors),
		cmocka_unit_test(test_files_and_lookup),
	};

	setvbuf(stdout, NULL, _IOLBF, 0);
	return cmocka_run_group_tests(tests, start, stop);
}
