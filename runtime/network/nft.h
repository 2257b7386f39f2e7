/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few expressions of nftables that our rules are made of, as netlink attributes. A rule is
 * nft_rule_begin, expressions, nft_rule_end; registers are the 4-byte ones (NFT_REG32_00 + n).
 *
 * Thread: any. Yields: no. Owns: nothing; all is appended to the caller's message.
 */
#ifndef RUNTIME_NETWORK_NFT_H
#define RUNTIME_NETWORK_NFT_H

#include <netinet/in.h> /* before linux/netfilter.h, which then leaves its own copy out */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdint.h>

#include "firmware/net/netlink.h"

/* A message of the nftables subsystem for one table. */
void nft_begin(struct nl_msg *m, uint16_t type, uint16_t flags, uint16_t table_attr,
	       const char *table);
/* A chain; type NULL: a plain one that is only jumped to. */
void nft_put_chain(struct nl_msg *m, const char *table, const char *name, const char *type,
		   uint32_t hook, int32_t priority);

struct nft_rule {
	uint32_t list;
};
struct nft_rule nft_rule_begin(struct nl_msg *m, const char *table, const char *chain);
void nft_rule_end(struct nl_msg *m, struct nft_rule r);

void nft_put_data(struct nl_msg *m, uint16_t attr, const void *p, uint32_t n);
void nft_load_meta(struct nl_msg *m, uint32_t key, uint32_t reg);
void nft_load_payload(struct nl_msg *m, uint32_t base, uint32_t offset, uint32_t n, uint32_t reg);
void nft_load_ct(struct nl_msg *m, uint32_t key, uint32_t reg);
/* Type of the destination address in our routing tables (RTN_LOCAL, …). */
void nft_load_daddr_type(struct nl_msg *m, uint32_t reg);
void nft_mask(struct nl_msg *m, uint32_t reg, uint32_t mask);
void nft_compare(struct nl_msg *m, uint32_t op, uint32_t reg, const void *p, uint32_t n);
void nft_verdict(struct nl_msg *m, int32_t code, const char *chain);
void nft_lookup(struct nl_msg *m, const char *map, uint32_t reg, uint32_t data_reg);
void nft_dnat(struct nl_msg *m, uint32_t addr_reg, uint32_t port_reg);
void nft_masquerade(struct nl_msg *m);

/* Whole matches. op: NFT_CMP_EQ or NFT_CMP_NEQ; key: NFT_META_IIFNAME or NFT_META_OIFNAME. */
void nft_match_interface(struct nl_msg *m, uint32_t key, uint32_t op, const char *name);
/* offset: of the address in the IPv4 header, 12 source, 16 destination. */
void nft_match_prefix(struct nl_msg *m, uint32_t offset, struct in_addr net, uint8_t prefix_len);
/* ct status or state has (NFT_CMP_NEQ) or lacks (NFT_CMP_EQ) any of bits. */
void nft_match_ct_bits(struct nl_msg *m, uint32_t key, uint32_t op, uint32_t bits);

#endif
