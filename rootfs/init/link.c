/* SPDX-License-Identifier: Apache-2.0 */
#include "rootfs/init/link.h"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "firmware/core/cleanup.h"
#include "firmware/net/netlink.h"

static int send_one(struct nl_msg *m)
{
	struct nl_socket s CLEANUP(nl_close) = {.fd = -1};
	int r = nl_open(&s, NETLINK_ROUTE, NULL);

	nl_msg_end(m);
	return r < 0 ? r : nl_transact(&s, m, NULL);
}

int link_up(int index, unsigned mtu)
{
	_Alignas(8) char buf[256];
	struct ifinfomsg *body;
	struct nl_msg m;

	nl_msg_init(&m, buf, sizeof(buf));
	body = nl_msg_begin(&m, RTM_NEWLINK, 0, sizeof(*body));
	body->ifi_index = index;
	body->ifi_flags = body->ifi_change = IFF_UP;
	if (mtu)
		nl_put_u32(&m, IFLA_MTU, mtu);
	return send_one(&m);
}

int link_address(int index, uint32_t address, unsigned prefix, bool add)
{
	_Alignas(8) char buf[256];
	struct ifaddrmsg *body;
	struct nl_msg m;

	nl_msg_init(&m, buf, sizeof(buf));
	body = nl_msg_begin(&m, add ? RTM_NEWADDR : RTM_DELADDR,
			    add ? NLM_F_CREATE | NLM_F_REPLACE : 0, sizeof(*body));
	body->ifa_family = AF_INET;
	body->ifa_prefixlen = (uint8_t)prefix;
	body->ifa_index = (uint32_t)index;
	nl_put_be32(&m, IFA_LOCAL, address);
	nl_put_be32(&m, IFA_ADDRESS, address);
	if (add && prefix < 31)
		nl_put_be32(&m, IFA_BROADCAST, address | (UINT32_MAX >> prefix));
	return send_one(&m);
}

int link_default_route(int index, uint32_t gateway)
{
	_Alignas(8) char buf[256];
	struct rtmsg *body;
	struct nl_msg m;

	nl_msg_init(&m, buf, sizeof(buf));
	body = nl_msg_begin(&m, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*body));
	body->rtm_family = AF_INET;
	body->rtm_table = RT_TABLE_MAIN;
	body->rtm_protocol = RTPROT_BOOT;
	body->rtm_scope = gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	body->rtm_type = RTN_UNICAST;
	/* Some networks give a gateway outside the subnet: it is on the wire all the same. */
	body->rtm_flags = gateway ? RTNH_F_ONLINK : 0;
	nl_put_u32(&m, RTA_OIF, (uint32_t)index);
	if (gateway)
		nl_put_be32(&m, RTA_GATEWAY, gateway);
	return send_one(&m);
}
