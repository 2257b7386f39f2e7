/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker thread goes into a new namespace, builds it from the inside, pins it with a bind mount
 * and comes back. The pair of links is made from the inside too, its other end put straight into
 * the daemon's namespace: so eth0 never has another name, and all of it costs three exchanges with
 * the kernel. If anything fails the namespace is not pinned, and leaving it destroys it.
 */
#include "runtime/network/link.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "firmware/core/cleanup.h"
#include "firmware/core/str.h"
#include "runtime/network/ipam.h"

enum {
	BUF_SIZE = 1024,
	LOOPBACK_INDEX = 1, /* of every namespace */
};

void veth_name(const char *exec_root, const char *container_id, unsigned attempt,
	       char name[LINK_NAME_MAX])
{
	/* FNV-1a over both texts, so that daemons with other roots choose other names. */
	uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ attempt;
	const char *texts[] = {exec_root, container_id};

	for (size_t i = 0; i < 2; i++) {
		for (const char *p = texts[i]; *p; p++)
			hash = (hash ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
		hash = (hash ^ 0xff) * UINT64_C(0x100000001b3);
	}
	/* Mix, so that the bits kept depend on all of them. */
	hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
	hash ^= hash >> 33;
	(void)snprintf(name, LINK_NAME_MAX, "veth%010llx",
		       (unsigned long long)(hash & UINT64_C(0xffffffffff)));
}

void veth_mac(struct in_addr addr, uint8_t mac[6])
{
	mac[0] = 0x02;
	mac[1] = 0x42;
	memcpy(mac + 2, &addr, sizeof(addr));
}

static void put_up(struct nl_msg *m, int index)
{
	struct ifinfomsg *body = nl_msg_begin(m, RTM_SETLINK, 0, sizeof(*body));

	if (!body)
		return;
	body->ifi_index = index;
	body->ifi_flags = IFF_UP;
	body->ifi_change = IFF_UP;
	nl_msg_end(m);
}

static void put_pair(struct nl_msg *m, const struct veth_plan *plan, int host_ns)
{
	struct ifinfomsg *body =
		nl_msg_begin(m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*body));
	struct ifinfomsg peer_body = {0};
	uint32_t info, data, peer;

	if (!body)
		return;
	nl_put_text(m, IFLA_IFNAME, "eth0");
	nl_put(m, IFLA_ADDRESS, plan->mac, sizeof(plan->mac));
	info = nl_nest_begin(m, IFLA_LINKINFO);
	nl_put_text(m, IFLA_INFO_KIND, "veth");
	data = nl_nest_begin(m, IFLA_INFO_DATA);
	/* The peer: a link's fixed body, then its attributes. */
	peer = m->len;
	nl_put(m, VETH_INFO_PEER | NLA_F_NESTED, &peer_body, sizeof(peer_body));
	nl_put_text(m, IFLA_IFNAME, plan->host_if);
	nl_put_u32(m, IFLA_NET_NS_FD, (uint32_t)host_ns);
	nl_nest_end(m, peer);
	nl_nest_end(m, data);
	nl_nest_end(m, info);
	nl_msg_end(m);
}

static void put_address(struct nl_msg *m, int index, const struct veth_plan *plan)
{
	struct in_addr mask = ipam_mask(plan->prefix_len);
	struct in_addr broadcast = {plan->addr.s_addr | ~mask.s_addr};
	struct ifaddrmsg *body =
		nl_msg_begin(m, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof(*body));

	if (!body)
		return;
	body->ifa_family = AF_INET;
	body->ifa_prefixlen = plan->prefix_len;
	body->ifa_index = (unsigned int)index;
	nl_put(m, IFA_LOCAL, &plan->addr, sizeof(plan->addr));
	nl_put(m, IFA_ADDRESS, &plan->addr, sizeof(plan->addr));
	if (plan->prefix_len < 31)
		nl_put(m, IFA_BROADCAST, &broadcast, sizeof(broadcast));
	nl_msg_end(m);
}

static void put_default_route(struct nl_msg *m, int index, const struct veth_plan *plan)
{
	struct rtmsg *body =
		nl_msg_begin(m, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, sizeof(*body));

	if (!body)
		return;
	body->rtm_family = AF_INET;
	body->rtm_table = RT_TABLE_MAIN;
	body->rtm_protocol = RTPROT_BOOT;
	body->rtm_scope = RT_SCOPE_UNIVERSE;
	body->rtm_type = RTN_UNICAST;
	nl_put(m, RTA_GATEWAY, &plan->gateway, sizeof(plan->gateway));
	nl_put_u32(m, RTA_OIF, (uint32_t)index);
	nl_msg_end(m);
}

/* eth0 has no IPv6 unless its network has: no link-local address, nothing waits for its detection.
 */
static int disable_ipv6(struct err *e)
{
	int r = sysctl_write("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", "1", e);

	if (r == -ENOENT) {
		err_clear(e);
		return 0;
	}
	return r;
}

/* In the new namespace: loopback, and eth0 with what belongs to it. */
static int furnish(const struct veth_plan *plan, int host_ns, struct err *e)
{
	CLEANUP(nl_close) struct nl_socket s = {.fd = -1};
	struct link_state eth0;
	char buf[BUF_SIZE];
	struct nl_msg m;
	int r = nl_open(&s, NETLINK_ROUTE, e);

	if (r < 0)
		return r;
	nl_msg_init(&m, buf, sizeof(buf));
	put_up(&m, LOOPBACK_INDEX);
	if (plan)
		put_pair(&m, plan, host_ns);
	r = nl_transact(&s, &m, e);
	if (r == -EOPNOTSUPP && plan)
		return err_sys(e, EOPNOTSUPP, "the kernel has no veth links (CONFIG_VETH)");
	if (r == -EPERM && !plan) {
		/* Without the right (CAP_NET_ADMIN) loopback stays down; apart it is all the same.
		 */
		err_clear(e);
		return 0;
	}
	if (r < 0)
		return err_wrap(e, "links of a network namespace");
	if (!plan)
		return 0;
	r = link_get(&s, "eth0", &eth0, e);
	if (r < 0)
		return r;
	r = disable_ipv6(e);
	if (r < 0)
		return r;
	nl_msg_init(&m, buf, sizeof(buf));
	put_address(&m, eth0.index, plan);
	put_up(&m, eth0.index);
	put_default_route(&m, eth0.index, plan);
	return nl_transact(&s, &m, e);
}

static int pin(const char *path, struct err *e)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);

	if (fd < 0 && errno == EEXIST) {
		int r = netns_unpin(path, e);

		if (r < 0)
			return r;
		fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	}
	if (fd < 0)
		return err_sys(e, errno, "network namespace %s", path);
	if (mount("/proc/thread-self/ns/net", path, NULL, MS_BIND, NULL) < 0) {
		int r = err_sys(e, errno, "pin network namespace %s", path);

		(void)unlink(path);
		return r;
	}
	return 0;
}

int netns_unpin(const char *path, struct err *e)
{
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT)
		return err_sys(e, errno, "unmount %s", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove %s", path);
	return 0;
}

/* Our end of the pair becomes a port of the bridge. */
static int attach(struct nl_socket *rt, const struct veth_plan *plan, struct err *e)
{
	char buf[BUF_SIZE], alias[LINK_ALIAS_MAX];
	struct ifinfomsg *body;
	uint32_t info, data;
	struct nl_msg m;

	(void)snprintf(alias, sizeof(alias), "serin:%s:%.12s", plan->bridge, plan->owner);
	nl_msg_init(&m, buf, sizeof(buf));
	body = nl_msg_begin(&m, RTM_SETLINK, 0, sizeof(*body));
	if (body)
		body->ifi_flags = body->ifi_change = IFF_UP;
	nl_put_text(&m, IFLA_IFNAME, plan->host_if);
	nl_put(&m, IFLA_IFALIAS, alias, (uint32_t)strlen(alias));
	nl_put_u32(&m, IFLA_MASTER, (uint32_t)plan->bridge_index);
	nl_msg_end(&m);
	/*
	 * Where bridged packets pass through netfilter, a container that calls its own published
	 * port is sent back where it came from: the port must allow that.
	 */
	(void)nl_msg_begin(&m, RTM_NEWLINK, 0, sizeof(*body));
	nl_put_text(&m, IFLA_IFNAME, plan->host_if);
	info = nl_nest_begin(&m, IFLA_LINKINFO);
	nl_put_text(&m, IFLA_INFO_SLAVE_KIND, "bridge");
	data = nl_nest_begin(&m, IFLA_INFO_SLAVE_DATA);
	nl_put_u8(&m, IFLA_BRPORT_MODE, BRIDGE_MODE_HAIRPIN);
	nl_nest_end(&m, data);
	nl_nest_end(&m, info);
	nl_msg_end(&m);
	return nl_transact(rt, &m, e);
}

int netns_make(const char *path, int host_ns, struct nl_socket *rt, const struct veth_plan *plan,
	       struct err *e)
{
	bool pinned = false;
	int r;

	if (unshare(CLONE_NEWNET) < 0)
		return err_sys(e, errno, "make a network namespace");
	r = furnish(plan, host_ns, e);
	if (r == 0) {
		r = pin(path, e);
		pinned = r == 0;
	}
	if (setns(host_ns, CLONE_NEWNET) < 0 && r == 0)
		r = err_sys(e, errno, "return to the daemon's network namespace");
	if (r == 0 && plan)
		r = attach(rt, plan, e);
	if (r < 0 && pinned && netns_unpin(path, NULL) < 0)
		return err_wrap(e, "(left behind: %s)", path);
	return r;
}
