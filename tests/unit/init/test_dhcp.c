/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "rootfs/init/dhcp.h"

static const uint8_t mac[6] = {2, 0, 0, 1, 2, 3};
static struct dhcp d;

static struct dhcp_reply reply(enum dhcp_type type, uint32_t address, uint32_t lease_s)
{
	struct dhcp_reply r = {.type = type, .address = address, .lease_s = lease_s};

	r.server = 0x0a000202;
	return r;
}

/* The type of the message that would be sent now, and to whom. */
static int message(int64_t now, uint32_t *ret_to)
{
	uint8_t p[DHCP_PACKET_MAX];
	size_t n = dhcp_message(&d, now, p, sizeof(p), ret_to);

	assert_true(n >= 300 && n <= sizeof(p));
	assert_memory_equal(p + 240, "\x35\x01", 2);
	return p[242];
}

static void bind_at(int64_t now, uint32_t lease_s)
{
	struct dhcp_reply r = reply(DHCP_OFFER, 0x0a00020f, lease_s);

	assert_int_equal(dhcp_begin(&d, mac, "guest", 12345, now), DHCP_SEND);
	assert_int_equal(dhcp_take(&d, &r, now), DHCP_SEND);
	assert_int_equal(d.state, DHCP_REQUESTING);
	r.type = DHCP_ACK;
	assert_int_equal(dhcp_take(&d, &r, now), DHCP_APPLY);
	assert_int_equal(d.state, DHCP_BOUND);
}

static void test_whole_life(void **state)
{
	struct dhcp_reply r = reply(DHCP_ACK, 0x0a00020f, 1000);
	uint32_t to, xid;

	(void)state;
	bind_at(5000, 1000);
	xid = d.xid;
	assert_int_equal(d.next_ms, 5000 + 500 * 1000);
	assert_int_equal(dhcp_tick(&d, d.next_ms - 1), 0);
	/* Renewed with the server itself, in an exchange of its own. */
	assert_int_equal(dhcp_tick(&d, d.next_ms), DHCP_SEND);
	assert_int_equal(d.state, DHCP_RENEWING);
	assert_true(d.xid != xid);
	assert_int_equal(message(d.next_ms, &to), DHCP_REQUEST);
	assert_int_equal(to, 0x0a000202);
	assert_int_equal(dhcp_take(&d, &r, 600000), DHCP_APPLY);
	assert_int_equal(d.next_ms, 600000 + 500 * 1000);
	/* Nobody answers: everybody is asked, and at the end the address is given up. */
	for (int i = 0; i < 100 && d.state != DHCP_SELECTING; i++) {
		unsigned did = dhcp_tick(&d, d.next_ms);

		assert_true(did & DHCP_SEND);
		message(d.next_ms, &to);
		assert_true((d.state == DHCP_RENEWING) == (to == 0x0a000202));
		assert_true(!(did & DHCP_LOST) == (d.state != DHCP_SELECTING));
	}
	assert_int_equal(d.state, DHCP_SELECTING);
	assert_int_equal(d.lease.address, 0);
	assert_int_equal(message(0, &to), DHCP_DISCOVER);
}

static void test_only_the_chosen_server(void **state)
{
	struct dhcp_reply r = reply(DHCP_OFFER, 0x0a00020f, 1000), other;

	(void)state;
	dhcp_begin(&d, mac, "", 1, 0);
	other = reply(DHCP_ACK, 0x0a000210, 1000);
	assert_int_equal(dhcp_take(&d, &other, 0), 0); /* nothing was asked for */
	dhcp_take(&d, &r, 0);
	other.server = 0x0a0000ff;
	assert_int_equal(dhcp_take(&d, &other, 0), 0);
	other.type = DHCP_NAK;
	assert_int_equal(dhcp_take(&d, &other, 0), 0);
	r.type = DHCP_ACK;
	r.address++;
	assert_int_equal(dhcp_take(&d, &r, 0), 0); /* not what was offered */
	r.address--;
	assert_int_equal(dhcp_take(&d, &r, 0), DHCP_APPLY);
	/* Once bound nobody is listened to. */
	other.server = r.server;
	assert_int_equal(dhcp_take(&d, &other, 0), 0);
	assert_int_equal(d.lease.address, 0x0a00020f);
}

static void test_refusal_and_change(void **state)
{
	struct dhcp_reply r = reply(DHCP_NAK, 0, 0);

	(void)state;
	bind_at(0, 1000);
	dhcp_tick(&d, d.next_ms);
	assert_int_equal(dhcp_take(&d, &r, 500000), DHCP_LOST | DHCP_SEND);
	assert_int_equal(d.state, DHCP_SELECTING);
	bind_at(0, 1000);
	dhcp_tick(&d, d.next_ms);
	r = reply(DHCP_ACK, 0x0a000220, 1000);
	assert_int_equal(dhcp_take(&d, &r, 500000), DHCP_LOST | DHCP_APPLY);
	assert_int_equal(d.lease.address, 0x0a000220);
}

static void test_odd_leases(void **state)
{
	struct dhcp_reply r;

	(void)state;
	bind_at(0, DHCP_FOREVER);
	assert_true(d.next_ms == INT64_MAX);
	/* Neither a lease of no time nor times out of order make it busy or wild. */
	bind_at(0, 0);
	assert_true(d.next_ms >= 30000);
	for (uint32_t t1 = 0; t1 < 5; t1++) {
		for (uint32_t t2 = 0; t2 < 5; t2++) {
			static const uint32_t times[] = {0, 1, 50, 100, UINT32_MAX};

			dhcp_begin(&d, mac, "", 1, 0);
			r = reply(DHCP_OFFER, 0x0a00020f, 100);
			dhcp_take(&d, &r, 0);
			r.type = DHCP_ACK;
			r.t1_s = times[t1];
			r.t2_s = times[t2];
			dhcp_take(&d, &r, 0);
			assert_true(d.t1_ms >= 30000 && d.t1_ms <= d.t2_ms && d.t2_ms <= d.end_ms);
			assert_int_equal(d.end_ms, 100000);
		}
	}
}

static void test_nobody_there(void **state)
{
	int64_t now = 0, last = 0;

	(void)state;
	dhcp_begin(&d, mac, "guest", 99, 0);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(dhcp_tick(&d, d.next_ms), DHCP_SEND);
		assert_true(d.next_ms > now);
		last = d.next_ms - now;
		now = d.next_ms;
	}
	assert_in_range(last, 28000, 36000);
	/* An offer whose server then is silent is given up for another. */
	dhcp_take(&d, &(struct dhcp_reply){.type = DHCP_OFFER, .address = 0x0a000001, .server = 1},
		  now);
	for (int i = 0; i < 4; i++)
		dhcp_tick(&d, d.next_ms);
	assert_int_equal(d.state, DHCP_SELECTING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_life),
		cmocka_unit_test(test_only_the_chosen_server),
		cmocka_unit_test(test_refusal_and_change),
		cmocka_unit_test(test_odd_leases),
		cmocka_unit_test(test_nobody_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
