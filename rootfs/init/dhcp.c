/* SPDX-License-Identifier: Apache-2.0 */
#include "rootfs/init/dhcp.h"

#include <string.h>

/* A server that leases for less makes us busy with nothing else. */
#define LEASE_MIN_S 60
#define RENEW_MIN_MS 60000
#define REQUEST_TRIES 4

/* 0.5, 1, 2 … 32 s, less or more by up to an eighth, so that guests started together part. */
static int64_t backoff(const struct dhcp *d)
{
	int64_t wait = (int64_t)500 << MIN(d->tries, 6U);

	return wait + wait * ((int64_t)(d->xid >> (d->tries % 24) & 0xff) - 128) / 1024;
}

static unsigned select_server(struct dhcp *d, int64_t now)
{
	d->state = DHCP_SELECTING;
	d->xid = d->xid * 1664525 + 1013904223;
	d->began_ms = now;
	d->tries = 0;
	d->next_ms = now + backoff(d);
	return DHCP_SEND;
}

unsigned dhcp_begin(struct dhcp *d, const uint8_t mac[6], const char *hostname, uint32_t random,
		    int64_t now)
{
	memset(d, 0, sizeof(*d));
	memcpy(d->mac, mac, 6);
	d->hostname = hostname;
	d->xid = random;
	return select_server(d, now);
}

static unsigned lose(struct dhcp *d, int64_t now)
{
	unsigned lost = d->lease.address ? DHCP_LOST : 0;

	memset(&d->lease, 0, sizeof(d->lease));
	return lost | select_server(d, now);
}

/* Half of what is left until the next state, as RFC 2131 has it, but not too often. */
static int64_t half_way(int64_t now, int64_t end)
{
	int64_t wait = MAX((end - now) / 2, RENEW_MIN_MS);

	return MIN(now + wait, end);
}

static unsigned keep(struct dhcp *d, int64_t now)
{
	if (now >= d->end_ms)
		return lose(d, now);
	if (d->state == DHCP_BOUND) {
		d->xid = d->xid * 1664525 + 1013904223;
		d->began_ms = now;
	}
	d->state = now >= d->t2_ms ? DHCP_REBINDING : DHCP_RENEWING;
	d->next_ms = half_way(now, d->state == DHCP_REBINDING ? d->end_ms : d->t2_ms);
	return DHCP_SEND;
}

unsigned dhcp_tick(struct dhcp *d, int64_t now)
{
	if (now < d->next_ms)
		return 0;
	switch (d->state) {
	case DHCP_SELECTING:
		d->tries++;
		d->next_ms = now + backoff(d);
		return DHCP_SEND;
	case DHCP_REQUESTING:
		if (++d->tries >= REQUEST_TRIES)
			return select_server(d, now);
		d->next_ms = now + backoff(d);
		return DHCP_SEND;
	case DHCP_BOUND:
	case DHCP_RENEWING:
	case DHCP_REBINDING:
		break;
	}
	return keep(d, now);
}

/* An acknowledgement: from now on the address is ours, for as long as it says. */
static unsigned bind_lease(struct dhcp *d, const struct dhcp_reply *r, int64_t now)
{
	unsigned lost = d->lease.address && d->lease.address != r->address ? DHCP_LOST : 0;
	int64_t s = MAX(r->lease_s, (uint32_t)LEASE_MIN_S);
	int64_t t1 = r->t1_s, t2 = r->t2_s;

	if (t2 <= 0 || t2 >= s)
		t2 = s * 7 / 8;
	if (t1 <= 0 || t1 >= t2)
		t1 = MIN(s / 2, t2 * 4 / 7);
	t1 = MAX(t1, LEASE_MIN_S / 2);
	t2 = MAX(t2, t1);
	d->lease = *r;
	if (!d->lease.server)
		d->lease.server = d->offer.server;
	d->state = DHCP_BOUND;
	d->tries = 0;
	d->t1_ms = d->t2_ms = d->end_ms = INT64_MAX;
	if (r->lease_s != DHCP_FOREVER) {
		d->t1_ms = now + t1 * 1000;
		d->t2_ms = now + t2 * 1000;
		d->end_ms = now + s * 1000;
	}
	d->next_ms = d->t1_ms;
	return lost | DHCP_APPLY;
}

unsigned dhcp_take(struct dhcp *d, const struct dhcp_reply *r, int64_t now)
{
	if (d->state == DHCP_BOUND)
		return 0;
	if (d->state == DHCP_SELECTING) {
		if (r->type != DHCP_OFFER || !r->server)
			return 0;
		d->offer = *r;
		d->state = DHCP_REQUESTING;
		d->tries = 0;
		d->next_ms = now + backoff(d);
		return DHCP_SEND;
	}
	/* Of the server that was chosen; when rebinding, of any. */
	if (d->state != DHCP_REBINDING && r->server &&
	    r->server != (d->state == DHCP_REQUESTING ? d->offer.server : d->lease.server))
		return 0;
	if (r->type == DHCP_NAK)
		return lose(d, now);
	if (r->type != DHCP_ACK || (d->state == DHCP_REQUESTING && r->address != d->offer.address))
		return 0;
	return bind_lease(d, r, now);
}

size_t dhcp_message(const struct dhcp *d, int64_t now, uint8_t *out, size_t size, uint32_t *ret_to)
{
	int64_t seconds = (now - d->began_ms) / 1000;
	struct dhcp_request q = {
		.type = d->state == DHCP_SELECTING ? DHCP_DISCOVER : DHCP_REQUEST,
		.xid = d->xid,
		.seconds = (uint16_t)MIN(MAX(seconds, 0), UINT16_MAX),
		.hostname = d->hostname,
	};

	memcpy(q.mac, d->mac, 6);
	if (d->state == DHCP_REQUESTING) {
		q.requested = d->offer.address;
		q.server = d->offer.server;
	}
	if (d->state == DHCP_RENEWING || d->state == DHCP_REBINDING)
		q.client = d->lease.address;
	*ret_to = d->state == DHCP_RENEWING && d->lease.server ? d->lease.server : UINT32_MAX;
	return dhcp_write(&q, out, size);
}
