/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bridge has at most a thousand ports, so a sorted array is walked from its start: the first gap
 * is the lowest free address. A bitmap of a large prefix would cost more than it saves.
 */
#include "runtime/network/ipam.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "firmware/core/mem.h"
#include "firmware/core/str.h"

struct in_addr ipam_mask(uint8_t prefix_len)
{
	uint32_t mask = prefix_len == 0 ? 0 : ~UINT32_C(0) << (32 - prefix_len);

	return (struct in_addr){htonl(mask)};
}

int ipam_parse_cidr(const char *text, struct in_addr *ret_addr, uint8_t *ret_len, struct err *e)
{
	struct str rest = {NULL, 0};
	struct str addr = str_cut(str_from(text), '/', &rest);
	struct in_addr parsed;
	char copy[INET_ADDRSTRLEN];
	uint64_t len;

	if (!str_copy(copy, sizeof(copy), addr) || inet_pton(AF_INET, copy, &parsed) != 1 ||
	    str_to_u64(rest, &len) < 0 || len < 8 || len > 32)
		return err_set(e, ERR_INVALID, "invalid CIDR address: %s", text);
	*ret_addr = parsed;
	*ret_len = (uint8_t)len;
	return 0;
}

void ipam_init(struct ipam *i, struct in_addr in, uint8_t prefix_len)
{
	uint32_t mask = ntohl(ipam_mask(prefix_len).s_addr);
	uint32_t net = ntohl(in.s_addr) & mask;

	*i = (struct ipam){.first = net, .last = net | ~mask};
	if (prefix_len < 31) {
		i->first++;
		i->last--;
	}
}

void ipam_done(struct ipam *i)
{
	mem_free(i->used);
	i->used = NULL;
	i->n = i->cap = 0;
}

/* Where addr stands, or would have to be put. */
static size_t find(const struct ipam *i, uint32_t addr)
{
	size_t low = 0, high = i->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (i->used[mid] < addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int insert(struct ipam *i, size_t at, uint32_t addr, struct err *e)
{
	if (i->n == i->cap) {
		size_t cap = i->cap ? i->cap * 2 : 16;
		uint32_t *grown = mem_realloc(i->used, cap * sizeof(*grown));

		if (!grown)
			return err_sys(e, ENOMEM, "container addresses");
		i->used = grown;
		i->cap = cap;
	}
	memmove(i->used + at + 1, i->used + at, (i->n - at) * sizeof(*i->used));
	i->used[at] = addr;
	i->n++;
	return 0;
}

/* Lowest address from `from` on that is neither used nor `not`; false when there is none. */
static bool lowest_free(const struct ipam *i, uint32_t from, uint32_t not, uint32_t *ret)
{
	size_t at = find(i, from);

	for (uint64_t addr = from; addr <= i->last; addr++) {
		if (at < i->n && i->used[at] == addr) {
			at++;
			continue;
		}
		if (addr == not )
			continue;
		*ret = (uint32_t)addr;
		return true;
	}
	return false;
}

int ipam_take(struct ipam *i, struct in_addr *ret, struct err *e)
{
	uint32_t addr;
	int r;

	if (!lowest_free(i, i->first, i->freed, &addr) && !lowest_free(i, i->first, 0, &addr))
		return err_sys(e, EADDRNOTAVAIL,
			       "no available IPv4 addresses on this network's address pools");
	r = insert(i, find(i, addr), addr, e);
	if (r < 0)
		return r;
	*ret = (struct in_addr){htonl(addr)};
	return 0;
}

int ipam_reserve(struct ipam *i, struct in_addr addr, struct err *e)
{
	uint32_t host = ntohl(addr.s_addr);
	char text[INET_ADDRSTRLEN] = "";
	size_t at = find(i, host);

	inet_ntop(AF_INET, &addr, text, sizeof(text));
	if (host < i->first || host > i->last)
		return err_set(e, ERR_INVALID, "address %s is not in the network's subnet", text);
	if (at < i->n && i->used[at] == host)
		return err_set(e, ERR_CONFLICT, "Address already in use: %s", text);
	return insert(i, at, host, e);
}

void ipam_release(struct ipam *i, struct in_addr addr)
{
	uint32_t host = ntohl(addr.s_addr);
	size_t at = find(i, host);

	if (at >= i->n || i->used[at] != host)
		return;
	memmove(i->used + at, i->used + at + 1, (i->n - at - 1) * sizeof(*i->used));
	i->n--;
	i->freed = host;
}
