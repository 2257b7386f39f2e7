/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/network/nft.h"

#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <string.h>

#include "runtime/network/ipam.h"

void nft_begin(struct nl_msg *m, uint16_t type, uint16_t flags, uint16_t table_attr,
	       const char *table)
{
	struct nfgenmsg *g =
		nl_msg_begin(m, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, sizeof(*g));

	if (!g)
		return;
	g->nfgen_family = NFPROTO_IPV4;
	g->version = NFNETLINK_V0;
	nl_put_text(m, table_attr, table);
}

void nft_put_chain(struct nl_msg *m, const char *table, const char *name, const char *type,
		   uint32_t hook, int32_t priority)
{
	nft_begin(m, NFT_MSG_NEWCHAIN, NLM_F_CREATE, NFTA_CHAIN_TABLE, table);
	nl_put_text(m, NFTA_CHAIN_NAME, name);
	if (type) {
		uint32_t nest = nl_nest_begin(m, NFTA_CHAIN_HOOK);

		nl_put_be32(m, NFTA_HOOK_HOOKNUM, hook);
		nl_put_be32(m, NFTA_HOOK_PRIORITY, (uint32_t)priority);
		nl_nest_end(m, nest);
		nl_put_be32(m, NFTA_CHAIN_POLICY, NF_ACCEPT);
		nl_put_text(m, NFTA_CHAIN_TYPE, type);
	}
	nl_msg_end(m);
}

struct nft_rule nft_rule_begin(struct nl_msg *m, const char *table, const char *chain)
{
	nft_begin(m, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, NFTA_RULE_TABLE, table);
	nl_put_text(m, NFTA_RULE_CHAIN, chain);
	return (struct nft_rule){nl_nest_begin(m, NFTA_RULE_EXPRESSIONS)};
}

void nft_rule_end(struct nl_msg *m, struct nft_rule r)
{
	nl_nest_end(m, r.list);
	nl_msg_end(m);
}

struct expr {
	uint32_t elem, data;
};

static struct expr expr_begin(struct nl_msg *m, const char *name)
{
	struct expr x;

	x.elem = nl_nest_begin(m, NFTA_LIST_ELEM);
	nl_put_text(m, NFTA_EXPR_NAME, name);
	x.data = nl_nest_begin(m, NFTA_EXPR_DATA);
	return x;
}

static void expr_end(struct nl_msg *m, struct expr x)
{
	nl_nest_end(m, x.data);
	nl_nest_end(m, x.elem);
}

void nft_put_data(struct nl_msg *m, uint16_t attr, const void *p, uint32_t n)
{
	uint32_t nest = nl_nest_begin(m, attr);

	nl_put(m, NFTA_DATA_VALUE, p, n);
	nl_nest_end(m, nest);
}

void nft_load_meta(struct nl_msg *m, uint32_t key, uint32_t reg)
{
	struct expr x = expr_begin(m, "meta");

	nl_put_be32(m, NFTA_META_KEY, key);
	nl_put_be32(m, NFTA_META_DREG, reg);
	expr_end(m, x);
}

void nft_load_payload(struct nl_msg *m, uint32_t base, uint32_t offset, uint32_t n, uint32_t reg)
{
	struct expr x = expr_begin(m, "payload");

	nl_put_be32(m, NFTA_PAYLOAD_DREG, reg);
	nl_put_be32(m, NFTA_PAYLOAD_BASE, base);
	nl_put_be32(m, NFTA_PAYLOAD_OFFSET, offset);
	nl_put_be32(m, NFTA_PAYLOAD_LEN, n);
	expr_end(m, x);
}

void nft_load_ct(struct nl_msg *m, uint32_t key, uint32_t reg)
{
	struct expr x = expr_begin(m, "ct");

	nl_put_be32(m, NFTA_CT_KEY, key);
	nl_put_be32(m, NFTA_CT_DREG, reg);
	expr_end(m, x);
}

void nft_load_daddr_type(struct nl_msg *m, uint32_t reg)
{
	struct expr x = expr_begin(m, "fib");

	nl_put_be32(m, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
	nl_put_be32(m, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	nl_put_be32(m, NFTA_FIB_DREG, reg);
	expr_end(m, x);
}

void nft_mask(struct nl_msg *m, uint32_t reg, uint32_t mask)
{
	struct expr x = expr_begin(m, "bitwise");
	uint32_t zero = 0;

	nl_put_be32(m, NFTA_BITWISE_SREG, reg);
	nl_put_be32(m, NFTA_BITWISE_DREG, reg);
	nl_put_be32(m, NFTA_BITWISE_LEN, sizeof(mask));
	nft_put_data(m, NFTA_BITWISE_MASK, &mask, sizeof(mask));
	nft_put_data(m, NFTA_BITWISE_XOR, &zero, sizeof(zero));
	expr_end(m, x);
}

void nft_compare(struct nl_msg *m, uint32_t op, uint32_t reg, const void *p, uint32_t n)
{
	struct expr x = expr_begin(m, "cmp");

	nl_put_be32(m, NFTA_CMP_SREG, reg);
	nl_put_be32(m, NFTA_CMP_OP, op);
	nft_put_data(m, NFTA_CMP_DATA, p, n);
	expr_end(m, x);
}

void nft_verdict(struct nl_msg *m, int32_t code, const char *chain)
{
	struct expr x = expr_begin(m, "immediate");
	uint32_t data, verdict;

	nl_put_be32(m, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = nl_nest_begin(m, NFTA_IMMEDIATE_DATA);
	verdict = nl_nest_begin(m, NFTA_DATA_VERDICT);
	nl_put_be32(m, NFTA_VERDICT_CODE, (uint32_t)code);
	if (chain)
		nl_put_text(m, NFTA_VERDICT_CHAIN, chain);
	nl_nest_end(m, verdict);
	nl_nest_end(m, data);
	expr_end(m, x);
}

void nft_lookup(struct nl_msg *m, const char *map, uint32_t reg, uint32_t data_reg)
{
	struct expr x = expr_begin(m, "lookup");

	nl_put_text(m, NFTA_LOOKUP_SET, map);
	nl_put_be32(m, NFTA_LOOKUP_SREG, reg);
	nl_put_be32(m, NFTA_LOOKUP_DREG, data_reg);
	expr_end(m, x);
}

void nft_dnat(struct nl_msg *m, uint32_t addr_reg, uint32_t port_reg)
{
	struct expr x = expr_begin(m, "nat");

	nl_put_be32(m, NFTA_NAT_TYPE, NFT_NAT_DNAT);
	nl_put_be32(m, NFTA_NAT_FAMILY, NFPROTO_IPV4);
	nl_put_be32(m, NFTA_NAT_REG_ADDR_MIN, addr_reg);
	nl_put_be32(m, NFTA_NAT_REG_PROTO_MIN, port_reg);
	expr_end(m, x);
}

void nft_masquerade(struct nl_msg *m)
{
	expr_end(m, expr_begin(m, "masq"));
}

void nft_match_interface(struct nl_msg *m, uint32_t key, uint32_t op, const char *name)
{
	char padded[IFNAMSIZ] = "";

	memcpy(padded, name, strnlen(name, sizeof(padded) - 1));
	nft_load_meta(m, key, NFT_REG_1);
	nft_compare(m, op, NFT_REG_1, padded, sizeof(padded));
}

void nft_match_prefix(struct nl_msg *m, uint32_t offset, struct in_addr net, uint8_t prefix_len)
{
	struct in_addr mask = ipam_mask(prefix_len);
	uint32_t masked = net.s_addr & mask.s_addr;

	nft_load_payload(m, NFT_PAYLOAD_NETWORK_HEADER, offset, sizeof(masked), NFT_REG_1);
	if (prefix_len < 32)
		nft_mask(m, NFT_REG_1, mask.s_addr);
	nft_compare(m, NFT_CMP_EQ, NFT_REG_1, &masked, sizeof(masked));
}

void nft_match_ct_bits(struct nl_msg *m, uint32_t key, uint32_t op, uint32_t bits)
{
	uint32_t zero = 0;

	nft_load_ct(m, key, NFT_REG_1);
	nft_mask(m, NFT_REG_1, bits);
	nft_compare(m, op, NFT_REG_1, &zero, sizeof(zero));
}
