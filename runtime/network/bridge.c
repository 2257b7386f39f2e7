/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bridge has a hardware address of its own, derived from its IP address: without one it would
 * take that of its lowest port, and change it as containers come and go.
 */
#include "runtime/network/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "firmware/core/str.h"
#include "runtime/network/ipam.h"

enum { BUF_SIZE = 512 };

struct address_search {
	int index;	     /* of this link's addresses, */
	struct in_addr addr; /* or (index 0) any that overlaps with this prefix */
	uint8_t prefix_len;
	bool found;
	unsigned int found_index;
	struct in_addr found_addr;
	uint8_t found_len;
};

static bool overlaps(struct in_addr a, uint8_t a_len, struct in_addr b, uint8_t b_len)
{
	struct in_addr mask = ipam_mask(MIN(a_len, b_len));

	return ((a.s_addr ^ b.s_addr) & mask.s_addr) == 0;
}

static int take_address(const struct nlmsghdr *h, void *arg)
{
	const struct ifaddrmsg *body = NLMSG_DATA(h);
	struct address_search *s = arg;
	const struct nlattr *a;
	struct in_addr addr;

	if (h->nlmsg_type != RTM_NEWADDR || h->nlmsg_len < NLMSG_LENGTH(sizeof(*body)) ||
	    body->ifa_family != AF_INET || s->found)
		return 0;
	a = nl_answer_attr(h, sizeof(*body), IFA_LOCAL);
	if (!a || nl_attr_len(a) != sizeof(addr))
		return 0;
	memcpy(&addr, nl_attr_data(a), sizeof(addr));
	if (s->index ? (int)body->ifa_index != s->index
		     : !overlaps(addr, body->ifa_prefixlen, s->addr, s->prefix_len))
		return 0;
	s->found = true;
	s->found_index = body->ifa_index;
	s->found_addr = addr;
	s->found_len = body->ifa_prefixlen;
	return 0;
}

static int search_addresses(struct nl_socket *s, struct address_search *search, struct err *e)
{
	struct ifaddrmsg *body;
	char buf[BUF_SIZE];
	struct nl_msg m;
	int r;

	nl_msg_init(&m, buf, sizeof(buf));
	body = nl_msg_begin(&m, RTM_GETADDR, NLM_F_DUMP, sizeof(*body));
	body->ifa_family = AF_INET;
	body->ifa_index = (unsigned int)search->index;
	nl_msg_end(&m);
	r = nl_query(s, &m, take_address, search, e);
	return r < 0 ? err_wrap(e, "addresses") : 0;
}

int bridge_address(struct nl_socket *s, int index, struct in_addr *ret_addr, uint8_t *ret_len,
		   struct err *e)
{
	struct address_search search = {.index = index};
	int r = search_addresses(s, &search, e);

	if (r < 0)
		return r;
	*ret_addr = search.found_addr;
	*ret_len = search.found_len;
	return 0;
}

/* Two links with one subnet, and packets find the wrong one: another engine's bridge, often. */
static int check_overlap(struct nl_socket *s, const struct bridge_plan *plan, struct err *e)
{
	struct address_search search = {.addr = plan->addr, .prefix_len = plan->prefix_len};
	char other[IF_NAMESIZE] = "", text[INET_ADDRSTRLEN] = "";
	int r = search_addresses(s, &search, e);

	if (r < 0 || !search.found)
		return r;
	if (!if_indextoname(search.found_index, other))
		(void)snprintf(other, sizeof(other), "an interface");
	inet_ntop(AF_INET, &search.found_addr, text, sizeof(text));
	return err_set(e, ERR_CONFLICT,
		       "bridge %s: its subnet overlaps with %s/%u of %s: choose another (--bip)",
		       plan->name, text, search.found_len, other);
}

static int create(struct nl_socket *s, const struct bridge_plan *plan, struct err *e)
{
	char buf[BUF_SIZE], alias[LINK_ALIAS_MAX];
	struct ifinfomsg *body;
	uint8_t mac[6];
	struct nl_msg m;
	uint32_t info;

	veth_mac(plan->addr, mac);
	(void)snprintf(alias, sizeof(alias), "serin:%s", plan->name);
	nl_msg_init(&m, buf, sizeof(buf));
	body = nl_msg_begin(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*body));
	nl_put_text(&m, IFLA_IFNAME, plan->name);
	nl_put(&m, IFLA_ADDRESS, mac, sizeof(mac));
	info = nl_nest_begin(&m, IFLA_LINKINFO);
	nl_put_text(&m, IFLA_INFO_KIND, "bridge");
	nl_nest_end(&m, info);
	nl_msg_end(&m);
	/* A new link does not take its alias from the message that makes it. */
	body = nl_msg_begin(&m, RTM_SETLINK, 0, sizeof(*body));
	nl_put_text(&m, IFLA_IFNAME, plan->name);
	nl_put(&m, IFLA_IFALIAS, alias, (uint32_t)strlen(alias));
	nl_msg_end(&m);
	return nl_transact(s, &m, e);
}

static void put_address(struct nl_msg *m, int index, struct in_addr addr, uint8_t prefix_len)
{
	struct in_addr mask = ipam_mask(prefix_len);
	struct in_addr broadcast = {addr.s_addr | ~mask.s_addr};
	struct ifaddrmsg *body =
		nl_msg_begin(m, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*body));

	if (!body)
		return;
	body->ifa_family = AF_INET;
	body->ifa_prefixlen = prefix_len;
	body->ifa_index = (unsigned int)index;
	nl_put(m, IFA_LOCAL, &addr, sizeof(addr));
	nl_put(m, IFA_ADDRESS, &addr, sizeof(addr));
	if (prefix_len < 31)
		nl_put(m, IFA_BROADCAST, &broadcast, sizeof(broadcast));
	nl_msg_end(m);
}

static int configure(struct nl_socket *s, const struct bridge_plan *plan, int index,
		     bool need_address, struct err *e)
{
	char buf[BUF_SIZE];
	struct ifinfomsg *body;
	struct nl_msg m;

	nl_msg_init(&m, buf, sizeof(buf));
	if (need_address)
		put_address(&m, index, plan->addr, plan->prefix_len);
	body = nl_msg_begin(&m, RTM_SETLINK, 0, sizeof(*body));
	if (body) {
		body->ifi_index = index;
		body->ifi_flags = IFF_UP;
		body->ifi_change = IFF_UP;
	}
	nl_msg_end(&m);
	return nl_transact(s, &m, e);
}

static int forward(const char *name, struct err *e)
{
	char path[96];
	int r = sysctl_write("/proc/sys/net/ipv4/ip_forward", "1", e);

	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/route_localnet", name);
	return sysctl_write(path, "1", e);
}

static int explain(const struct bridge_plan *plan, int r, struct err *e)
{
	if (r == -EPERM)
		return err_sys(e, EPERM,
			       "bridge %s: no right to configure the network "
			       "(CAP_NET_ADMIN)",
			       plan->name);
	if (r == -EOPNOTSUPP)
		return err_sys(e, EOPNOTSUPP,
			       "bridge %s: the kernel has no bridges (CONFIG_BRIDGE)", plan->name);
	return err_wrap(e, "bridge %s", plan->name);
}

int bridge_ensure(struct nl_socket *s, const struct bridge_plan *plan, int *ret_index,
		  struct err *e)
{
	struct link_state l;
	struct in_addr addr;
	uint8_t len = 0;
	int r = link_get(s, plan->name, &l, e);

	if (r < 0)
		return r;
	if (l.index == 0) {
		r = check_overlap(s, plan, e);
		if (r < 0)
			return r;
		r = create(s, plan, e);
		if (r < 0)
			return explain(plan, r, e);
		r = link_get(s, plan->name, &l, e);
		if (r < 0)
			return r;
	}
	if (!strz_eq(l.kind, "bridge"))
		return err_set(e, ERR_CONFLICT, "interface %s is not a bridge", plan->name);
	r = bridge_address(s, l.index, &addr, &len, e);
	if (r < 0)
		return r;
	if (!l.up || len == 0) {
		r = configure(s, plan, l.index, len == 0, e);
		if (r < 0)
			return explain(plan, r, e);
	}
	r = forward(plan->name, e);
	if (r < 0)
		return r;
	*ret_index = l.index;
	return 0;
}

int bridge_remove(struct nl_socket *s, const char *name, struct err *e)
{
	char alias[LINK_ALIAS_MAX];
	struct link_state l;
	int r = link_get(s, name, &l, e);

	(void)snprintf(alias, sizeof(alias), "serin:%s", name);
	if (r < 0 || l.index == 0 || !strz_eq(l.alias, alias))
		return r;
	return link_delete(s, name, e);
}
