/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/network/kernel.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "firmware/net/netlink.h"

static int count_link(const struct nlmsghdr *h, void *arg)
{
	int *count = arg;

	*count += h->nlmsg_type == RTM_NEWLINK;
	return 0;
}

int kernel_links(void)
{
	struct nl_socket s;
	struct nl_msg m;
	char buf[64];
	int count = 0;

	if (nl_open(&s, NETLINK_ROUTE, NULL) < 0)
		return -1;
	nl_msg_init(&m, buf, sizeof(buf));
	(void)nl_msg_begin(&m, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	nl_msg_end(&m);
	if (nl_query(&s, &m, count_link, &count, NULL) < 0)
		count = -1;
	nl_close(&s);
	return count;
}

/* Deleting namespaces takes the kernel a moment. */
bool kernel_links_become(int want)
{
	for (int i = 0; i < 1000; i++) {
		if (kernel_links() == want)
			return true;
		usleep(20000);
	}
	printf("# %d links, want %d\n", kernel_links(), want);
	return false;
}

static int ignore(const struct nlmsghdr *h, void *arg)
{
	(void)h;
	(void)arg;
	return 0;
}

bool kernel_has_table(const char *name)
{
	struct nl_socket s;
	struct nl_msg m;
	char buf[128];
	int r;

	if (nl_open(&s, NETLINK_NETFILTER, NULL) < 0)
		return false;
	nl_msg_init(&m, buf, sizeof(buf));
	{
		struct nfgenmsg *g = nl_msg_begin(&m, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE,
						  0, sizeof(*g));

		g->nfgen_family = AF_INET;
	}
	nl_put_text(&m, NFTA_TABLE_NAME, name);
	nl_msg_end(&m);
	r = nl_query(&s, &m, ignore, NULL, NULL);
	nl_close(&s);
	return r == 0;
}

bool kernel_loopback_up(void)
{
	struct ifinfomsg *body;
	struct nl_socket s;
	struct nl_msg m;
	char buf[64];
	int r;

	if (nl_open(&s, NETLINK_ROUTE, NULL) < 0)
		return false;
	nl_msg_init(&m, buf, sizeof(buf));
	body = nl_msg_begin(&m, RTM_SETLINK, 0, sizeof(*body));
	body->ifi_index = 1;
	body->ifi_flags = body->ifi_change = IFF_UP;
	nl_msg_end(&m);
	r = nl_transact(&s, &m, NULL);
	nl_close(&s);
	return r == 0;
}
