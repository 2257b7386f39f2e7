/* SPDX-License-Identifier: Apache-2.0 */
#include "rootfs/init/dhcp_packet.h"

#include <errno.h>
#include <string.h>

enum {
	FIXED = 236, /* before the cookie */
	AT_XID = 4,
	AT_SECS = 8,
	AT_FLAGS = 10,
	AT_CIADDR = 12,
	AT_YIADDR = 16,
	AT_CHADDR = 28,
	AT_SNAME = 44,
	SNAME_SIZE = 64,
	AT_FILE = 108,
	FILE_SIZE = 128,
	SHORTEST = 300, /* what some relays insist on */
	COOKIE = 0x63825363,
	MTU_MIN = 576,
	PROTOCOL_UDP = 17,
};

enum option {
	OPT_PAD = 0,
	OPT_MASK = 1,
	OPT_ROUTER = 3,
	OPT_DNS = 6,
	OPT_HOSTNAME = 12,
	OPT_DOMAIN = 15,
	OPT_MTU = 26,
	OPT_REQUESTED = 50,
	OPT_LEASE = 51,
	OPT_OVERLOAD = 52,
	OPT_TYPE = 53,
	OPT_SERVER = 54,
	OPT_WANTED = 55,
	OPT_MAX_SIZE = 57,
	OPT_T1 = 58,
	OPT_T2 = 59,
	OPT_CLIENT = 61,
	OPT_END = 255,
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void set16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void set32(uint8_t *p, uint32_t v)
{
	set16(p, v >> 16);
	set16(p + 2, v);
}

/* ---- writing ---- */

struct writer {
	uint8_t *p;
	size_t n, size;
};

static void put(struct writer *w, enum option code, const void *data, size_t n)
{
	if (n > 255 || w->n + 2 + n + 1 > w->size)
		return;
	w->p[w->n++] = (uint8_t)code;
	w->p[w->n++] = (uint8_t)n;
	memcpy(w->p + w->n, data, n);
	w->n += n;
}

static void put32(struct writer *w, enum option code, uint32_t v)
{
	uint8_t be[4];

	set32(be, v);
	if (v)
		put(w, code, be, sizeof(be));
}

size_t dhcp_write(const struct dhcp_request *q, uint8_t *out, size_t size)
{
	static const uint8_t wanted[] = {OPT_MASK, OPT_ROUTER, OPT_DNS, OPT_HOSTNAME, OPT_DOMAIN,
					 OPT_MTU,  OPT_LEASE,  OPT_T1,	OPT_T2};
	static const uint8_t max_size[] = {0x05, 0xdc};
	uint8_t type = (uint8_t)q->type, client[7] = {1};
	struct writer w = {out, FIXED + 4, size};

	memset(out, 0, size);
	out[0] = 1; /* a request */
	out[1] = 1; /* from Ethernet */
	out[2] = 6;
	set32(out + AT_XID, q->xid);
	set16(out + AT_SECS, q->seconds);
	set16(out + AT_FLAGS, q->broadcast ? 0x8000 : 0);
	set32(out + AT_CIADDR, q->client);
	memcpy(out + AT_CHADDR, q->mac, 6);
	set32(out + FIXED, COOKIE);
	memcpy(client + 1, q->mac, 6);
	put(&w, OPT_TYPE, &type, 1);
	put(&w, OPT_CLIENT, client, sizeof(client));
	put32(&w, OPT_REQUESTED, q->requested);
	put32(&w, OPT_SERVER, q->server);
	put(&w, OPT_MAX_SIZE, max_size, sizeof(max_size));
	if (q->hostname && *q->hostname)
		put(&w, OPT_HOSTNAME, q->hostname, strlen(q->hostname));
	put(&w, OPT_WANTED, wanted, sizeof(wanted));
	out[w.n++] = OPT_END;
	return MAX(w.n, (size_t)SHORTEST);
}

/* The Internet checksum's sum over n bytes, on top of sum. */
static uint32_t add_up(const uint8_t *p, size_t n, uint32_t sum)
{
	for (; n > 1; p += 2, n -= 2)
		sum += get16(p);
	return n ? sum + ((uint32_t)*p << 8) : sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Of the addresses at ip + 12 and the UDP packet of n bytes. */
static uint16_t udp_sum(const uint8_t *addresses, const uint8_t *udp, size_t n)
{
	return fold(add_up(udp, n, add_up(addresses, 8, PROTOCOL_UDP + (uint32_t)n)));
}

size_t dhcp_wrap(uint8_t *packet, size_t n, uint32_t from, uint32_t to)
{
	uint8_t *udp = packet + 20;
	size_t udp_n = n + 8;
	uint16_t sum;

	memset(packet, 0, DHCP_HEADERS);
	packet[0] = 0x45;
	set16(packet + 2, (uint32_t)(udp_n + 20));
	packet[8] = 64;
	packet[9] = PROTOCOL_UDP;
	set32(packet + 12, from);
	set32(packet + 16, to);
	set16(packet + 10, fold(add_up(packet, 20, 0)));
	set16(udp, DHCP_CLIENT_PORT);
	set16(udp + 2, DHCP_SERVER_PORT);
	set16(udp + 4, (uint32_t)udp_n);
	sum = udp_sum(packet + 12, udp, udp_n);
	set16(udp + 6, sum ? sum : 0xffff);
	return n + DHCP_HEADERS;
}

/* ---- reading ---- */

int dhcp_unwrap(const uint8_t *packet, size_t n, bool unsummed, const uint8_t **ret, size_t *ret_n)
{
	const uint8_t *udp;
	size_t head, total, udp_n;

	if (n < DHCP_HEADERS || packet[0] >> 4 != 4 || packet[9] != PROTOCOL_UDP)
		return -EBADMSG;
	head = (size_t)(packet[0] & 15) * 4;
	total = get16(packet + 2);
	/* A fragment, the last or any other, is not whole. */
	if (head < 20 || total > n || total < head + 8 || (get16(packet + 6) & 0x3fff) ||
	    fold(add_up(packet, head, 0)) != 0)
		return -EBADMSG;
	udp = packet + head;
	udp_n = get16(udp + 4);
	if (udp_n < 8 || udp_n > total - head || get16(udp) != DHCP_SERVER_PORT ||
	    get16(udp + 2) != DHCP_CLIENT_PORT)
		return -EBADMSG;
	if (!unsummed && get16(udp + 6) && udp_sum(packet + 12, udp, udp_n) != 0)
		return -EBADMSG;
	*ret = udp + 8;
	*ret_n = udp_n - 8;
	return 0;
}

/* An address that a machine can have. */
static bool is_host(uint32_t a)
{
	return a >> 24 != 0 && a >> 24 != 127 && a < 0xe0000000;
}

static void take_text(char out[OPTIONS_NAME_MAX + 1], const uint8_t *p, size_t n)
{
	struct str s = str_span((const char *)p, n);

	while (s.n > 0 && s.p[s.n - 1] == '\0')
		s.n--;
	if (options_is_hostname(s))
		(void)str_copy(out, OPTIONS_NAME_MAX + 1, s);
}

static void take_mask(struct dhcp_reply *r, uint32_t mask)
{
	unsigned prefix = mask ? (unsigned)__builtin_popcount(mask) : 0;

	/* Only ones, then only zeros. */
	if (prefix && (prefix == 32 || mask << prefix == 0))
		r->prefix = prefix;
}

static void take_dns(struct dhcp_reply *r, const uint8_t *p, size_t n)
{
	for (; n >= 4 && r->n_dns < OPTIONS_DNS_MAX; p += 4, n -= 4) {
		uint32_t a = get32(p);

		if (a >> 24 != 0 && a < 0xe0000000)
			r->dns[r->n_dns++] = a;
	}
}

static void take_option(struct dhcp_reply *r, unsigned code, const uint8_t *p, size_t n,
			uint8_t *overload)
{
	uint32_t v = n >= 4 ? get32(p) : 0;

	if (n == 0)
		return;
	if (code == OPT_TYPE)
		r->type = (enum dhcp_type)p[0];
	else if (code == OPT_OVERLOAD)
		*overload = p[0];
	else if (code == OPT_HOSTNAME)
		take_text(r->hostname, p, n);
	else if (code == OPT_DOMAIN)
		take_text(r->domain, p, n);
	else if (code == OPT_MTU && n >= 2)
		r->mtu = get16(p) >= MTU_MIN ? get16(p) : 0;
	else if (code == OPT_DNS)
		take_dns(r, p, n);
	else if (n < 4)
		return;
	else if (code == OPT_MASK)
		take_mask(r, v);
	else if (code == OPT_ROUTER && is_host(v))
		r->router = v;
	else if (code == OPT_SERVER)
		r->server = v;
	else if (code == OPT_LEASE)
		r->lease_s = v;
	else if (code == OPT_T1)
		r->t1_s = v;
	else if (code == OPT_T2)
		r->t2_s = v;
}

/* The options of one field; the first of a kind counts. -EBADMSG when a length overruns. */
static int take_options(struct dhcp_reply *r, const uint8_t *p, size_t n, uint8_t *overload,
			uint8_t seen[32])
{
	while (n > 0 && p[0] != OPT_END) {
		unsigned code = p[0];
		size_t len;

		if (code == OPT_PAD) {
			p++;
			n--;
			continue;
		}
		if (n < 2 || (len = p[1]) > n - 2)
			return -EBADMSG;
		if (!(seen[code / 8] & 1 << code % 8))
			take_option(r, code, p + 2, len, overload);
		seen[code / 8] |= (uint8_t)(1 << code % 8);
		p += 2 + len;
		n -= 2 + len;
	}
	return 0;
}

int dhcp_read(const uint8_t *p, size_t n, const uint8_t mac[6], uint32_t xid,
	      struct dhcp_reply *ret)
{
	struct dhcp_reply r = {0};
	uint8_t overload = 0, seen[32] = {0}, scrap;
	int bad;

	if (n < FIXED + 4 || p[0] != 2 || p[1] != 1 || p[2] != 6 || get32(p + FIXED) != COOKIE)
		return -EBADMSG;
	if (get32(p + AT_XID) != xid || memcmp(p + AT_CHADDR, mac, 6))
		return -ENOENT;
	bad = take_options(&r, p + FIXED + 4, n - FIXED - 4, &overload, seen);
	if (bad == 0 && (overload & 1))
		bad = take_options(&r, p + AT_FILE, FILE_SIZE, &scrap, seen);
	if (bad == 0 && (overload & 2))
		bad = take_options(&r, p + AT_SNAME, SNAME_SIZE, &scrap, seen);
	if (bad < 0)
		return bad;
	r.address = get32(p + AT_YIADDR);
	if (r.type != DHCP_OFFER && r.type != DHCP_ACK && r.type != DHCP_NAK)
		return -EBADMSG;
	if (r.type != DHCP_NAK && !is_host(r.address))
		return -EBADMSG;
	*ret = r;
	return 0;
}
