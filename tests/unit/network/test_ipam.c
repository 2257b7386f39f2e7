/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "firmware/core/mem.h"
#include "runtime/network/ipam.h"

static struct in_addr ip(const char *text)
{
	struct in_addr a = {0};

	assert_int_equal(inet_pton(AF_INET, text, &a), 1);
	return a;
}

static void expect_next(struct ipam *i, const char *text)
{
	struct in_addr a;
	char got[INET_ADDRSTRLEN];

	assert_int_equal(ipam_take(i, &a, NULL), 0);
	assert_string_equal(inet_ntop(AF_INET, &a, got, sizeof(got)), text);
}

static void test_sequence(void **state)
{
	struct ipam i;

	(void)state;
	ipam_init(&i, ip("172.17.0.1"), 16);
	assert_int_equal(ipam_reserve(&i, ip("172.17.0.1"), NULL), 0);
	expect_next(&i, "172.17.0.2");
	expect_next(&i, "172.17.0.3");
	/* The one given back last has to wait for one turn. */
	ipam_release(&i, ip("172.17.0.2"));
	expect_next(&i, "172.17.0.4");
	ipam_release(&i, ip("172.17.0.4"));
	expect_next(&i, "172.17.0.2");
	expect_next(&i, "172.17.0.5");
	ipam_release(&i, ip("172.17.9.9"));
	expect_next(&i, "172.17.0.6");
	ipam_done(&i);
}

static void test_exhaustion(void **state)
{
	struct in_addr a = {0};
	struct err e = ERR_INIT;
	struct ipam i;

	(void)state;
	ipam_init(&i, ip("10.0.0.9"), 29);
	assert_int_equal(ipam_reserve(&i, ip("10.0.0.9"), NULL), 0);
	for (int n = 10; n <= 14; n++)
		assert_int_equal(ipam_take(&i, &a, NULL), 0);
	assert_int_equal(ntohl(a.s_addr), 0x0a00000e);
	assert_int_equal(ipam_take(&i, &a, &e), -EADDRNOTAVAIL);
	assert_int_equal(ntohl(a.s_addr), 0x0a00000e);
	/* The only free one is handed out, freed last or not. */
	ipam_release(&i, ip("10.0.0.12"));
	expect_next(&i, "10.0.0.12");
	ipam_done(&i);
}

static void test_narrow(void **state)
{
	struct in_addr a;
	struct ipam i;

	(void)state;
	ipam_init(&i, ip("10.0.0.0"), 31);
	expect_next(&i, "10.0.0.0");
	expect_next(&i, "10.0.0.1");
	assert_true(ipam_take(&i, &a, NULL) < 0);
	ipam_done(&i);
	ipam_init(&i, ip("255.255.255.255"), 32);
	assert_int_equal(ipam_reserve(&i, ip("255.255.255.255"), NULL), 0);
	assert_true(ipam_take(&i, &a, NULL) < 0);
	ipam_done(&i);
	ipam_init(&i, ip("255.255.255.255"), 24);
	expect_next(&i, "255.255.255.1");
	ipam_done(&i);
}

static void test_reserve(void **state)
{
	struct err e = ERR_INIT;
	struct ipam i;

	(void)state;
	ipam_init(&i, ip("172.17.0.1"), 16);
	assert_int_equal(ipam_reserve(&i, ip("172.17.3.7"), NULL), 0);
	assert_true(ipam_reserve(&i, ip("172.17.3.7"), &e) < 0);
	assert_int_equal(e.kind, ERR_CONFLICT);
	assert_true(ipam_reserve(&i, ip("172.18.0.1"), &e) < 0);
	assert_int_equal(e.kind, ERR_INVALID);
	assert_true(ipam_reserve(&i, ip("172.17.0.0"), &e) < 0);
	assert_true(ipam_reserve(&i, ip("172.17.255.255"), &e) < 0);
	expect_next(&i, "172.17.0.1");
	ipam_done(&i);
}

static void test_many_and_no_memory(void **state)
{
	struct in_addr a;
	struct ipam i;

	(void)state;
	ipam_init(&i, ip("10.0.0.1"), 8);
	for (uint32_t n = 1; n <= 1000; n++) {
		assert_int_equal(ipam_take(&i, &a, NULL), 0);
		assert_int_equal(ntohl(a.s_addr), 0x0a000000 + n);
	}
	ipam_done(&i);
	ipam_init(&i, ip("10.0.0.1"), 8);
	mem_fail_after(0);
	assert_int_equal(ipam_take(&i, &a, NULL), -ENOMEM);
	mem_fail_after(-1);
	expect_next(&i, "10.0.0.1");
	ipam_done(&i);
}

static void test_cidr(void **state)
{
	static const char *const bad[] = {"",
					  "172.17.0.1",
					  "172.17.0.1/",
					  "172.17.0.1/33",
					  "172.17.0.1/7",
					  "172.17.0/16",
					  "172.17.0.1/-1",
					  "172.17.0.1/1x",
					  "::1/64",
					  "172.17.0.256/16"};
	struct in_addr a;
	uint8_t len;

	(void)state;
	assert_int_equal(ipam_parse_cidr("172.17.0.1/16", &a, &len, NULL), 0);
	assert_int_equal(ntohl(a.s_addr), 0xac110001);
	assert_int_equal(len, 16);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(ipam_parse_cidr(bad[i], &a, &len, NULL) < 0);
	assert_int_equal(ntohl(ipam_mask(0).s_addr), 0);
	assert_int_equal(ntohl(ipam_mask(32).s_addr), 0xffffffff);
	assert_int_equal(ntohl(ipam_mask(20).s_addr), 0xfffff000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sequence), cmocka_unit_test(test_exhaustion),
		cmocka_unit_test(test_narrow),	 cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_cidr),	 cmocka_unit_test(test_many_and_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
