/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What networks need, tried in a network namespace of its own with what the daemon itself will do.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/vm_sockets.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/main/check.h"
#include "firmware/core/cleanup.h"
#include "firmware/core/config.h"
#include "firmware/net/netlink.h"
#include "runtime/network/nat.h"

static int make_link(const char *kind, struct err *e)
{
	struct nl_socket s;
	struct nl_msg m;
	struct ifinfomsg *info;
	char buf[256];
	uint32_t nest;
	int r = nl_open(&s, NETLINK_ROUTE, e);

	if (r < 0)
		return r;
	nl_msg_init(&m, buf, sizeof(buf));
	info = nl_msg_begin(&m, RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
			    sizeof(*info));
	memset(info, 0, sizeof(*info));
	nest = nl_nest_begin(&m, IFLA_LINKINFO);
	nl_put_text(&m, IFLA_INFO_KIND, kind);
	nl_nest_end(&m, nest);
	nl_msg_end(&m);
	r = nl_transact(&s, &m, e);
	nl_close(&s);
	return r;
}

static int try_links(const void *arg, int out)
{
	static const char *const kinds[] = {"bridge", "veth"};
	struct err e = ERR_INIT;

	(void)arg;
	if (unshare(CLONE_NEWNET) < 0) {
		dprintf(out, "no network namespace: %s", strerror(errno));
		return 1;
	}
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (make_link(kinds[i], &e) < 0) {
			dprintf(out, "%s: %s", kinds[i], e.msg);
			return 1;
		}
	return 0;
}

static int try_nftables(const void *arg, int out)
{
	struct nat_network net = {
		.bridge = "check0", .subnet = {htonl(0xac110000)}, .prefix_len = 16};
	struct nl_socket s;
	struct err e = ERR_INIT;

	(void)arg;
	if (unshare(CLONE_NEWNET) < 0) {
		dprintf(out, "no network namespace: %s", strerror(errno));
		return 1;
	}
	if (nl_open(&s, NETLINK_NETFILTER, &e) < 0 || nat_install(&s, &net, NULL, 0, &e) < 0) {
		dprintf(out, "%s", e.msg);
		return 1;
	}
	return 0;
}

enum check_state check_bridge(struct check_env *env)
{
	if (geteuid() != 0)
		return check_say(env, CHECK_UNKNOWN, "trying it needs root");
	return check_in_child(env, try_links, NULL) ? CHECK_OK : CHECK_BAD;
}

enum check_state check_nftables(struct check_env *env)
{
	if (!CONFIG(NET_BRIDGE))
		return CHECK_UNKNOWN;
	if (geteuid() != 0)
		return check_say(env, CHECK_UNKNOWN, "trying it needs root");
	return check_in_child(env, try_nftables, NULL) ? CHECK_OK : CHECK_BAD;
}

enum check_state check_forward(struct check_env *env)
{
	static const char path[] = "/proc/sys/net/ipv4/ip_forward";
	char line[16] = "";

	if (!check_line(path, line, sizeof(line)))
		return check_say(env, CHECK_BAD, "%s cannot be read", path);
	if (!strcmp(line, "1"))
		return check_say(env, CHECK_OK, "on");
	if (access(path, W_OK) == 0)
		return check_say(env, CHECK_OK, "off; the daemon will turn it on");
	return check_say(env, geteuid() == 0 ? CHECK_BAD : CHECK_UNKNOWN, "off");
}

enum check_state check_ports(struct check_env *env)
{
	CLEANUP_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	CLEANUP_FD int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t n = sizeof(addr);
	unsigned long long low = 0, high = 0;
	char line[64] = "";
	const char *p = line;

	if (check_line("/proc/sys/net/ipv4/ip_local_port_range", line, sizeof(line))) {
		low = check_number(&p);
		high = check_number(&p);
		if (high < low + 1000)
			return check_say(env, CHECK_BAD, "ip_local_port_range is %s", line);
	}
	if (fd < 0 || client < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(fd, 1) < 0 || getsockname(fd, (struct sockaddr *)&addr, &n) < 0)
		return check_say(env, CHECK_BAD, "listening on the loopback: %s", strerror(errno));
	if (connect(client, (struct sockaddr *)&addr, n) < 0 && errno != EINPROGRESS)
		return check_say(env, CHECK_BAD, "connecting by the loopback: %s", strerror(errno));
	return check_say(env, CHECK_OK, "%llu to %llu for outgoing connections", low, high);
}

enum check_state check_vsock(struct check_env *env)
{
	CLEANUP_FD int fd = open("/dev/vsock", O_RDONLY | O_CLOEXEC);
	unsigned cid = 0;

	if (fd < 0)
		return check_say(env, errno == EACCES ? CHECK_UNKNOWN : CHECK_BAD, "/dev/vsock: %s",
				 strerror(errno));
	if (ioctl(fd, IOCTL_VM_SOCKETS_GET_LOCAL_CID, &cid) < 0)
		return check_say(env, CHECK_BAD, "no CID: %s", strerror(errno));
	if (cid == VMADDR_CID_ANY)
		return check_say(env, CHECK_BAD, "no transport to the host");
	return check_say(env, CHECK_OK, "CID %u%s", cid,
			 cid == VMADDR_CID_HOST	   ? " (a host)"
			 : cid == VMADDR_CID_LOCAL ? " (loopback alone)"
						   : "");
}
