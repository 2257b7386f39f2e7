/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "rootfs/init/dhcp_packet.h"

static const uint8_t mac[6] = {2, 0, 0, 1, 2, 3};

/* An answer with these options after the cookie; returns its length. */
static size_t answer(uint8_t *p, uint32_t xid, const void *options, size_t n)
{
	memset(p, 0, 1500);
	p[0] = 2;
	p[1] = 1;
	p[2] = 6;
	for (int i = 0; i < 4; i++)
		p[4 + i] = (uint8_t)(xid >> (24 - 8 * i));
	memcpy(p + 16, "\x0a\x00\x02\x0f", 4);
	memcpy(p + 28, mac, 6);
	memcpy(p + 236, "\x63\x82\x53\x63", 4);
	memcpy(p + 240, options, n);
	return 240 + n;
}

#define READ(text) dhcp_read(p, answer(p, 7, text, sizeof(text) - 1), mac, 7, &r)

static void test_full_answer(void **state)
{
	uint8_t p[1500];
	struct dhcp_reply r;

	(void)state;
	assert_int_equal(READ("\x35\x01\x05\x36\x04\x0a\x00\x02\x02\x01\x04\xff\xff\xfe\x00"
			      "\x03\x04\x0a\x00\x02\x02\x06\x08\x0a\x00\x02\x03\x08\x08\x08\x08"
			      "\x0c\x05guest\x0f\x03lan\x1a\x02\x05\x78\x33\x04\x00\x00\x0e\x10"
			      "\x3a\x04\x00\x00\x00\x64\x3b\x04\x00\x00\x00\xc8\xff"),
			 0);
	assert_int_equal(r.type, DHCP_ACK);
	assert_int_equal(r.address, 0x0a00020f);
	assert_int_equal(r.server, 0x0a000202);
	assert_int_equal(r.prefix, 23);
	assert_int_equal(r.router, 0x0a000202);
	assert_int_equal(r.n_dns, 2);
	assert_int_equal(r.dns[1], 0x08080808);
	assert_string_equal(r.hostname, "guest");
	assert_string_equal(r.domain, "lan");
	assert_int_equal(r.mtu, 1400);
	assert_int_equal(r.lease_s, 3600);
	assert_int_equal(r.t1_s, 100);
	assert_int_equal(r.t2_s, 200);
}

static void test_nonsense_is_left_out(void **state)
{
	uint8_t p[1500];
	struct dhcp_reply r;

	(void)state;
	/* A mask with holes, routers and name servers that are none, an MTU of 60, names with
	 * blanks and line ends, and options that are too short. */
	assert_int_equal(READ("\x35\x01\x02\x01\x04\xff\x00\xff\x00\x03\x04\x7f\x00\x00\x01"
			      "\x06\x08\xe0\x00\x00\x01\x00\x00\x00\x00\x1a\x02\x00\x3c"
			      "\x0c\x03\x61\x0a\x62\x0f\x03\x61\x20\x62\x33\x02\x01\x02\xff"),
			 0);
	assert_int_equal(r.type, DHCP_OFFER);
	assert_int_equal(r.prefix, 0);
	assert_int_equal(r.router, 0);
	assert_int_equal(r.n_dns, 0);
	assert_int_equal(r.mtu, 0);
	assert_string_equal(r.hostname, "");
	assert_string_equal(r.domain, "");
	assert_int_equal(r.lease_s, 0);
	/* Of two the first counts; an end hides what follows; names lose their zero. */
	assert_int_equal(READ("\x35\x01\x05\x35\x01\x06\x0c\x03\x61\x62\x00\xff\x33\x04\1\1\1\1"),
			 0);
	assert_int_equal(r.type, DHCP_ACK);
	assert_string_equal(r.hostname, "ab");
	assert_int_equal(r.lease_s, 0);
}

static void test_refused(void **state)
{
	uint8_t p[1500];
	struct dhcp_reply r = {.mtu = 4711};
	size_t n;

	(void)state;
	assert_int_equal(READ("\x35\x01\x01\xff"), -EBADMSG); /* a client's */
	assert_int_equal(READ(""), -EBADMSG);
	assert_int_equal(READ("\x35\x05\x02"), -EBADMSG); /* longer than the packet */
	assert_int_equal(READ("\x35"), -EBADMSG);
	n = answer(p, 8, "\x35\x01\x05\xff", 4);
	assert_int_equal(dhcp_read(p, n, mac, 7, &r), -ENOENT);
	n = answer(p, 7, "\x35\x01\x05\xff", 4);
	p[30] ^= 1;
	assert_int_equal(dhcp_read(p, n, mac, 7, &r), -ENOENT);
	p[30] ^= 1;
	for (size_t cut = 0; cut < 240; cut++)
		assert_int_equal(dhcp_read(p, cut, mac, 7, &r), -EBADMSG);
	memset(p + 16, 0xff, 4); /* no machine's address */
	assert_int_equal(dhcp_read(p, n, mac, 7, &r), -EBADMSG);
	assert_int_equal(r.mtu, 4711);
	/* But a refusal carries none. */
	n = answer(p, 7, "\x35\x01\x06\xff", 4);
	memset(p + 16, 0, 4);
	assert_int_equal(dhcp_read(p, n, mac, 7, &r), 0);
	assert_int_equal(r.type, DHCP_NAK);
}

static void test_overload(void **state)
{
	uint8_t p[1500];
	struct dhcp_reply r;
	size_t n = answer(p, 7, "\x34\x01\x03\x35\x01\x05\xff", 7);

	(void)state;
	memcpy(p + 108, "\x0c\x02hi\xff", 5);
	memcpy(p + 44, "\x34\x01\x01\x0f\x02lo", 7);
	memset(p + 51, 0, 57);
	assert_int_equal(dhcp_read(p, n, mac, 7, &r), 0);
	assert_string_equal(r.hostname, "hi");
	assert_string_equal(r.domain, "lo");
	p[107] = 1; /* an option whose length would stand in the next field */
	assert_int_equal(dhcp_read(p, n, mac, 7, &r), -EBADMSG);
}

static void test_wrap(void **state)
{
	struct dhcp_request q = {.type = DHCP_DISCOVER, .xid = 0x01020304, .hostname = "guest"};
	uint8_t p[DHCP_PACKET_MAX];
	const uint8_t *payload;
	size_t n, got;

	(void)state;
	memcpy(q.mac, mac, 6);
	n = dhcp_write(&q, p + DHCP_HEADERS, sizeof(p) - DHCP_HEADERS);
	assert_true(n >= 300);
	assert_memory_equal(p + DHCP_HEADERS + 4, "\1\2\3\4", 4);
	assert_memory_equal(p + DHCP_HEADERS + 28, mac, 6);
	n = dhcp_wrap(p, n, 0, UINT32_MAX);
	/* As the server's: the ports change places, which no sum notices. */
	p[21] = 67;
	p[23] = 68;
	assert_int_equal(dhcp_unwrap(p, n, false, &payload, &got), 0);
	assert_ptr_equal(payload, p + DHCP_HEADERS);
	assert_int_equal(got, n - DHCP_HEADERS);
	p[100] ^= 1;
	assert_int_equal(dhcp_unwrap(p, n, false, &payload, &got), -EBADMSG);
	assert_int_equal(dhcp_unwrap(p, n, true, &payload, &got), 0);
	p[100] ^= 1;
	p[12] ^= 1; /* the header's own sum */
	assert_int_equal(dhcp_unwrap(p, n, true, &payload, &got), -EBADMSG);
	p[12] ^= 1;
	for (size_t cut = 0; cut < n; cut++)
		assert_int_equal(dhcp_unwrap(p, cut, true, &payload, &got), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_answer), cmocka_unit_test(test_nonsense_is_left_out),
		cmocka_unit_test(test_refused),	    cmocka_unit_test(test_overload),
		cmocka_unit_test(test_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
