/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes in by the packet socket of the guest's DHCP client: a series of packets, each with its
 * length before it, while time goes by. Whatever they say, the client always knows when to act
 * next, never has an address that no machine can have, and sends what it can read again.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "rootfs/init/dhcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct dhcp *d, unsigned did, int64_t now)
{
	uint8_t packet[DHCP_PACKET_MAX];
	uint32_t to, a = d->lease.address;

	if (a && (a >> 24 == 0 || a >> 24 == 127 || a >> 24 >= 224))
		__builtin_trap();
	if (d->lease.prefix > 32 || d->lease.n_dns > OPTIONS_DNS_MAX || d->next_ms <= now)
		__builtin_trap();
	if ((did & DHCP_APPLY) && (d->state != DHCP_BOUND || !a || d->next_ms < now + 30000))
		__builtin_trap();
	if (did & DHCP_SEND) {
		size_t n = dhcp_message(d, now, packet + DHCP_HEADERS,
					sizeof(packet) - DHCP_HEADERS, &to);

		if (dhcp_wrap(packet, n, a, to) > sizeof(packet))
			__builtin_trap();
	}
}

/* The bytes as a packet, and, since few sums come out right, as a payload. */
static unsigned feed(struct dhcp *d, const uint8_t *p, size_t n, int64_t now)
{
	static uint8_t copy[65536];
	struct dhcp_reply r;
	const uint8_t *payload;
	size_t payload_n;

	if (dhcp_unwrap(p, n, n & 1, &payload, &payload_n) == 0) {
		if (payload < p || payload + payload_n > p + n)
			__builtin_trap();
		p = payload;
		n = payload_n;
	}
	/* Nobody guesses our number; what follows it is what is tried here. */
	n = MIN(n, sizeof(copy));
	memcpy(copy, p, n);
	if (n >= 8) {
		for (int i = 0; i < 4; i++)
			copy[4 + i] = (uint8_t)(d->xid >> (24 - 8 * i));
	}
	return dhcp_read(copy, n, d->mac, d->xid, &r) == 0 ? dhcp_take(d, &r, now) : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t mac[6] = {0};
	int64_t now = 1000;
	struct dhcp d;

	check(&d, dhcp_begin(&d, mac, "guest", 12345, now), now);
	while (size >= 2) {
		size_t n = MIN((size_t)(data[0] << 8 | data[1]) & 0x7fff, size - 2);
		unsigned did;

		if (data[0] & 0x80 && d.next_ms != INT64_MAX)
			now = d.next_ms;
		did = dhcp_tick(&d, now);
		check(&d, did, now);
		did = feed(&d, data + 2, n, now);
		if (did)
			check(&d, did, now);
		data += 2 + n;
		size -= 2 + n;
	}
	return 0;
}
