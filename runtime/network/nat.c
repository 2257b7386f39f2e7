/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table, as `nft` would write it:
 *
 *   map one { inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service }
 *   map any { inet_proto . inet_service : ipv4_addr . inet_service }
 *   chain publish { dnat to l4proto . daddr . dport map @one; dnat to l4proto . dport map @any }
 *   chain prerouting (dstnat) { daddr 127/8 return; fib daddr type local jump publish }
 *   chain output (-100) { fib daddr type local jump publish }
 *   chain postrouting (srcnat) { saddr SUBNET oif != BRIDGE masquerade
 *                                oif BRIDGE saddr 127/8 masquerade
 *                                oif BRIDGE saddr SUBNET ct status dnat masquerade }
 *   chain guard (prerouting, raw) { iif BRIDGE daddr 127/8 drop }
 *   chain forward (filter) { oif BRIDGE iif != BRIDGE ct state established,related accept
 *                            oif BRIDGE iif != BRIDGE not ct status dnat drop }
 *
 * A port published on 127.0.0.1 needs route_localnet on the bridge, which alone would let
 * containers reach what listens on the host's loopback: guard refuses that (answers come back to
 * the bridge's address, before it is translated). A neighbour on another interface cannot reach
 * such a port either: prerouting leaves 127/8 to the kernel, which drops it. The third masquerade
 * brings answers back through us when a container reaches itself or a neighbour on the bridge
 * through a published port. forward keeps containers' unpublished ports, and other bridges, apart.
 */
#include "runtime/network/nat.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "firmware/core/cleanup.h"
#include "firmware/core/mem.h"
#include "runtime/network/nft.h"

#define MAP_ONE "one"
#define MAP_ANY "any"

enum {
	PRIORITY_RAW = -300,
	PRIORITY_DSTNAT = -100,
	PRIORITY_FILTER = 0,
	PRIORITY_SRCNAT = 100,
	OFFSET_SADDR = 12,
	OFFSET_DADDR = 16,
	/* Data types as nft numbers them, six bits each in a concatenation: for listings only. */
	TYPE_IPADDR = 7,
	TYPE_INET_PROTOCOL = 12,
	TYPE_INET_SERVICE = 13,
	TYPE_BITS = 6,
	/* Room for the table, and for one element with all its nesting. */
	TABLE_SIZE = 8192,
	ELEMENT_SIZE = 64,
	BATCH_SIZE = 512,
	/* One list of elements must fit a 16-bit length. */
	ELEMENTS_PER_MESSAGE = 512,
};

void nat_table_name(const char *bridge, char name[NAT_TABLE_MAX])
{
	(void)snprintf(name, NAT_TABLE_MAX, "serin-%s", bridge);
}

static void batch_mark(struct nl_msg *m, uint16_t type)
{
	struct nfgenmsg *g = nl_msg_begin(m, type, 0, sizeof(*g));

	if (!g)
		return;
	g->nfgen_family = AF_UNSPEC;
	g->version = NFNETLINK_V0;
	g->res_id = htons(NFNL_SUBSYS_NFTABLES);
	nl_msg_end(m);
}

void nat_batch_begin(struct nl_msg *m)
{
	batch_mark(m, NFNL_MSG_BATCH_BEGIN);
}

void nat_batch_end(struct nl_msg *m)
{
	batch_mark(m, NFNL_MSG_BATCH_END);
}

static void put_table_message(struct nl_msg *m, uint16_t type, const char *table)
{
	nft_begin(m, type, type == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0, NFTA_TABLE_NAME, table);
	nl_msg_end(m);
}

static void put_map(struct nl_msg *m, const char *table, const char *name, uint32_t id,
		    uint32_t key_type, uint32_t key_len)
{
	nft_begin(m, NFT_MSG_NEWSET, NLM_F_CREATE, NFTA_SET_TABLE, table);
	nl_put_text(m, NFTA_SET_NAME, name);
	nl_put_be32(m, NFTA_SET_FLAGS, NFT_SET_MAP);
	nl_put_be32(m, NFTA_SET_KEY_TYPE, key_type);
	nl_put_be32(m, NFTA_SET_KEY_LEN, key_len);
	nl_put_be32(m, NFTA_SET_DATA_TYPE, TYPE_IPADDR << TYPE_BITS | TYPE_INET_SERVICE);
	nl_put_be32(m, NFTA_SET_DATA_LEN, 8);
	nl_put_be32(m, NFTA_SET_ID, id);
	nl_msg_end(m);
}

static void put_maps_and_chains(struct nl_msg *m, const char *table)
{
	put_map(m, table, MAP_ONE, 1,
		TYPE_INET_PROTOCOL << (2 * TYPE_BITS) | TYPE_IPADDR << TYPE_BITS |
			TYPE_INET_SERVICE,
		12);
	put_map(m, table, MAP_ANY, 2, TYPE_INET_PROTOCOL << TYPE_BITS | TYPE_INET_SERVICE, 8);
	nft_put_chain(m, table, "publish", NULL, 0, 0);
	nft_put_chain(m, table, "prerouting", "nat", NF_INET_PRE_ROUTING, PRIORITY_DSTNAT);
	nft_put_chain(m, table, "output", "nat", NF_INET_LOCAL_OUT, PRIORITY_DSTNAT);
	nft_put_chain(m, table, "postrouting", "nat", NF_INET_POST_ROUTING, PRIORITY_SRCNAT);
	nft_put_chain(m, table, "guard", "filter", NF_INET_PRE_ROUTING, PRIORITY_RAW);
	nft_put_chain(m, table, "forward", "filter", NF_INET_FORWARD, PRIORITY_FILTER);
}

static void match_loopback(struct nl_msg *m, uint32_t offset)
{
	uint8_t first = 127;

	nft_load_payload(m, NFT_PAYLOAD_NETWORK_HEADER, offset, sizeof(first), NFT_REG_1);
	nft_compare(m, NFT_CMP_EQ, NFT_REG_1, &first, sizeof(first));
}

static void put_publish_rules(struct nl_msg *m, const char *table)
{
	uint32_t r0 = NFT_REG32_00;
	struct nft_rule r = nft_rule_begin(m, table, "publish");

	nft_load_meta(m, NFT_META_L4PROTO, r0);
	nft_load_payload(m, NFT_PAYLOAD_NETWORK_HEADER, OFFSET_DADDR, 4, r0 + 1);
	nft_load_payload(m, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, r0 + 2);
	nft_lookup(m, MAP_ONE, r0, r0);
	nft_dnat(m, r0, r0 + 1);
	nft_rule_end(m, r);

	r = nft_rule_begin(m, table, "publish");
	nft_load_meta(m, NFT_META_L4PROTO, r0);
	nft_load_payload(m, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, r0 + 1);
	nft_lookup(m, MAP_ANY, r0, r0);
	nft_dnat(m, r0, r0 + 1);
	nft_rule_end(m, r);
}

static void put_local_jump(struct nl_msg *m, const char *table, const char *chain)
{
	uint32_t local = RTN_LOCAL;
	struct nft_rule r = nft_rule_begin(m, table, chain);

	nft_load_daddr_type(m, NFT_REG_1);
	nft_compare(m, NFT_CMP_EQ, NFT_REG_1, &local, sizeof(local));
	nft_verdict(m, NFT_JUMP, "publish");
	nft_rule_end(m, r);
}

static void put_destination_rules(struct nl_msg *m, const char *table, const char *bridge)
{
	struct nft_rule r = nft_rule_begin(m, table, "prerouting");

	match_loopback(m, OFFSET_DADDR);
	nft_verdict(m, NFT_RETURN, NULL);
	nft_rule_end(m, r);
	put_local_jump(m, table, "prerouting");
	put_local_jump(m, table, "output");

	r = nft_rule_begin(m, table, "guard");
	nft_match_interface(m, NFT_META_IIFNAME, NFT_CMP_EQ, bridge);
	match_loopback(m, OFFSET_DADDR);
	nft_verdict(m, NF_DROP, NULL);
	nft_rule_end(m, r);
}

static void put_source_rules(struct nl_msg *m, const char *table, const struct nat_network *n)
{
	struct nft_rule r = nft_rule_begin(m, table, "postrouting");

	nft_match_prefix(m, OFFSET_SADDR, n->subnet, n->prefix_len);
	nft_match_interface(m, NFT_META_OIFNAME, NFT_CMP_NEQ, n->bridge);
	nft_masquerade(m);
	nft_rule_end(m, r);

	r = nft_rule_begin(m, table, "postrouting");
	nft_match_interface(m, NFT_META_OIFNAME, NFT_CMP_EQ, n->bridge);
	match_loopback(m, OFFSET_SADDR);
	nft_masquerade(m);
	nft_rule_end(m, r);

	r = nft_rule_begin(m, table, "postrouting");
	nft_match_interface(m, NFT_META_OIFNAME, NFT_CMP_EQ, n->bridge);
	nft_match_prefix(m, OFFSET_SADDR, n->subnet, n->prefix_len);
	nft_match_ct_bits(m, NFT_CT_STATUS, NFT_CMP_NEQ, IPS_DST_NAT);
	nft_masquerade(m);
	nft_rule_end(m, r);
}

static void put_forward_rule(struct nl_msg *m, const char *table, const char *bridge,
			     uint32_t ct_key, uint32_t op, uint32_t bits, int32_t verdict)
{
	struct nft_rule r = nft_rule_begin(m, table, "forward");

	nft_match_interface(m, NFT_META_OIFNAME, NFT_CMP_EQ, bridge);
	nft_match_interface(m, NFT_META_IIFNAME, NFT_CMP_NEQ, bridge);
	nft_match_ct_bits(m, ct_key, op, bits);
	nft_verdict(m, verdict, NULL);
	nft_rule_end(m, r);
}

void nat_put_table(struct nl_msg *m, const struct nat_network *n)
{
	char table[NAT_TABLE_MAX];

	nat_table_name(n->bridge, table);
	/* Add it first, so that there is something to delete. */
	put_table_message(m, NFT_MSG_NEWTABLE, table);
	put_table_message(m, NFT_MSG_DELTABLE, table);
	put_table_message(m, NFT_MSG_NEWTABLE, table);
	put_maps_and_chains(m, table);
	put_publish_rules(m, table);
	put_destination_rules(m, table, n->bridge);
	put_source_rules(m, table, n);
	put_forward_rule(m, table, n->bridge, NFT_CT_STATE, NFT_CMP_NEQ,
			 NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED),
			 NF_ACCEPT);
	put_forward_rule(m, table, n->bridge, NFT_CT_STATUS, NFT_CMP_EQ, IPS_DST_NAT, NF_DROP);
}

/* Registers hold each part of a concatenation in four bytes, short ones padded with zeroes. */
struct key_any {
	uint8_t proto, pad[3];
	uint16_t port, pad2;
};
struct key_one {
	uint8_t proto, pad[3];
	uint32_t addr;
	uint16_t port, pad2;
};
struct target {
	uint32_t addr;
	uint16_t port, pad;
};

static void put_element(struct nl_msg *m, const struct nat_port *p)
{
	struct target to = {.addr = p->ip.s_addr, .port = htons(p->port)};
	uint32_t elem = nl_nest_begin(m, NFTA_LIST_ELEM);

	if (p->host_ip.s_addr == INADDR_ANY) {
		struct key_any key = {.proto = p->proto, .port = htons(p->host_port)};

		nft_put_data(m, NFTA_SET_ELEM_KEY, &key, sizeof(key));
	} else {
		struct key_one key = {
			.proto = p->proto, .addr = p->host_ip.s_addr, .port = htons(p->host_port)};

		nft_put_data(m, NFTA_SET_ELEM_KEY, &key, sizeof(key));
	}
	nft_put_data(m, NFTA_SET_ELEM_DATA, &to, sizeof(to));
	nl_nest_end(m, elem);
}

static void put_elements(struct nl_msg *m, const char *table, const char *map, uint16_t type,
			 const struct nat_port *ports, size_t n_ports)
{
	bool any = strcmp(map, MAP_ANY) == 0;
	uint32_t list = 0;
	size_t in_message = 0;

	for (size_t i = 0; i < n_ports; i++) {
		if ((ports[i].host_ip.s_addr == INADDR_ANY) != any)
			continue;
		if (in_message == 0) {
			nft_begin(m, type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0,
				  NFTA_SET_ELEM_LIST_TABLE, table);
			nl_put_text(m, NFTA_SET_ELEM_LIST_SET, map);
			list = nl_nest_begin(m, NFTA_SET_ELEM_LIST_ELEMENTS);
		}
		put_element(m, &ports[i]);
		if (++in_message == ELEMENTS_PER_MESSAGE) {
			nl_nest_end(m, list);
			nl_msg_end(m);
			in_message = 0;
		}
	}
	if (in_message > 0) {
		nl_nest_end(m, list);
		nl_msg_end(m);
	}
}

void nat_put_ports(struct nl_msg *m, const struct nat_network *n, uint16_t type,
		   const struct nat_port *ports, size_t n_ports)
{
	char table[NAT_TABLE_MAX];

	nat_table_name(n->bridge, table);
	put_elements(m, table, MAP_ONE, type, ports, n_ports);
	put_elements(m, table, MAP_ANY, type, ports, n_ports);
}

/* --- transactions --- */

enum change { CHANGE_INSTALL, CHANGE_PUBLISH, CHANGE_WITHDRAW, CHANGE_REMOVE };

static void put_change(struct nl_msg *m, enum change what, const struct nat_network *n,
		       const struct nat_port *ports, size_t n_ports)
{
	char table[NAT_TABLE_MAX];

	nat_table_name(n->bridge, table);
	nat_batch_begin(m);
	if (what == CHANGE_INSTALL)
		nat_put_table(m, n);
	if (what == CHANGE_REMOVE)
		put_table_message(m, NFT_MSG_DELTABLE, table);
	nat_put_ports(m, n, what == CHANGE_WITHDRAW ? NFT_MSG_DELSETELEM : NFT_MSG_NEWSETELEM,
		      ports, n_ports);
	nat_batch_end(m);
}

static int change(struct nl_socket *s, enum change what, const struct nat_network *n,
		  const struct nat_port *ports, size_t n_ports, struct err *e)
{
	size_t size =
		BATCH_SIZE + (what == CHANGE_INSTALL ? TABLE_SIZE : 0) + n_ports * ELEMENT_SIZE;
	CLEANUP_MEM char *buf = mem_alloc(size);
	struct nl_msg m;

	if (!buf)
		return err_sys(e, ENOMEM, "nftables");
	/* Many ports at a restart: one transaction is one datagram, however long. */
	if (size > 65536) {
		int room = (int)MIN(size * 2, (size_t)1 << 27);

		(void)setsockopt(s->fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	}
	nl_msg_init(&m, buf, (uint32_t)size);
	put_change(&m, what, n, ports, n_ports);
	return nl_transact(s, &m, e);
}

/* Say what a bare errno of the kernel means here. */
static int explain(const struct nat_network *n, int r, struct err *e)
{
	if (r == -EPERM)
		return err_sys(e, EPERM, "nftables: no right to change the rules (CAP_NET_ADMIN)");
	if (r == -EPROTONOSUPPORT)
		return err_sys(
			e, EPROTONOSUPPORT,
			"the kernel has no nftables (CONFIG_NETFILTER_NETLINK, CONFIG_NF_TABLES)");
	if (r == -ENOENT || r == -EOPNOTSUPP || r == -EAFNOSUPPORT)
		return err_sys(e, r,
			       "the kernel's nftables lacks what the network needs (one of "
			       "CONFIG_NF_TABLES_IPV4, NFT_NAT, NFT_MASQ, NFT_CT, NFT_FIB_IPV4)");
	return err_wrap(e, "nftables table serin-%s", n->bridge);
}

int nat_install(struct nl_socket *s, const struct nat_network *n, const struct nat_port *ports,
		size_t n_ports, struct err *e)
{
	int r = change(s, CHANGE_INSTALL, n, ports, n_ports, e);

	return r < 0 ? explain(n, r, e) : 0;
}

int nat_publish(struct nl_socket *s, const struct nat_network *n, const struct nat_port *ports,
		size_t n_ports, struct err *e)
{
	int r = change(s, CHANGE_PUBLISH, n, ports, n_ports, e);

	if (r == -ENOENT)
		return err_sys(e, ENOENT, "nftables table serin-%s", n->bridge);
	return r < 0 ? explain(n, r, e) : 0;
}

int nat_withdraw(struct nl_socket *s, const struct nat_network *n, const struct nat_port *ports,
		 size_t n_ports, struct err *e)
{
	int r = change(s, CHANGE_WITHDRAW, n, ports, n_ports, e);

	/* One missing element spoils the transaction: then each goes by itself. */
	if (r == -ENOENT && n_ports > 1) {
		r = 0;
		for (size_t i = 0; i < n_ports && (r == 0 || r == -ENOENT); i++)
			r = change(s, CHANGE_WITHDRAW, n, ports + i, 1, e);
	}
	if (r == -ENOENT) {
		err_clear(e);
		return 0;
	}
	return r < 0 ? explain(n, r, e) : 0;
}

int nat_remove(struct nl_socket *s, const struct nat_network *n, struct err *e)
{
	int r = change(s, CHANGE_REMOVE, n, NULL, 0, e);

	if (r == -ENOENT) {
		err_clear(e);
		return 0;
	}
	return r < 0 ? explain(n, r, e) : 0;
}
