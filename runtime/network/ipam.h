/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of one IPv4 prefix: the lowest free one is handed out, but not the one given back last
 * as long as another is free, so that neighbours' caches and late packets meet nobody new.
 *
 * Thread: loop. Yields: no. Owns: the sorted list of addresses in use (until ipam_done).
 */
#ifndef RUNTIME_NETWORK_IPAM_H
#define RUNTIME_NETWORK_IPAM_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/core/err.h"

struct ipam {
	uint32_t first, last; /* usable addresses, host order; first > last: none */
	uint32_t *used;	      /* sorted */
	size_t n, cap;
	uint32_t freed; /* given back last; 0 = none */
};

/* The prefix in_addr/prefix_len, without its network and broadcast addresses where it has them. */
void ipam_init(struct ipam *i, struct in_addr in, uint8_t prefix_len);
void ipam_done(struct ipam *i);
/* A free address. ERR_SYSTEM with EADDRNOTAVAIL when there is none; ENOMEM. */
int ipam_take(struct ipam *i, struct in_addr *ret, struct err *e) WARN_UNUSED;
/* This very address: ERR_CONFLICT when taken, ERR_INVALID when not of the prefix. */
int ipam_reserve(struct ipam *i, struct in_addr addr, struct err *e) WARN_UNUSED;
/* Give back; what is not taken is ignored. */
void ipam_release(struct ipam *i, struct in_addr addr);

/* "172.17.0.1/16" into address and length (8..32). ERR_INVALID. */
int ipam_parse_cidr(const char *text, struct in_addr *ret_addr, uint8_t *ret_len, struct err *e)
	WARN_UNUSED;
/* Netmask, network byte order; length 0..32. */
struct in_addr ipam_mask(uint8_t prefix_len);

#endif
