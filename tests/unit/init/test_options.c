/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rootfs/init/options.h"

static struct init_options o;
static int n_wrong;
static char last_wrong[64];

static void count_wrong(const char *word, void *arg UNUSED)
{
	n_wrong++;
	(void)str_copy(last_wrong, sizeof(last_wrong), str_from(word));
}

static void parse(const char *line)
{
	n_wrong = 0;
	options_parse(&o, str_from(line), count_wrong, NULL);
}

static void test_defaults(void **state)
{
	(void)state;
	parse("console=ttyS0 quiet panic=-1 notserin.memory xserin.ip=none");
	assert_int_equal(n_wrong, 0);
	assert_int_equal(o.network, NETWORK_DHCP);
	assert_int_equal(o.vsock, CONFIG_INIT_VSOCK_PORT);
	assert_false(o.memory);
	assert_null(o.disk);
	assert_null(o.level);
	assert_string_equal(o.hostname, "");
	parse("");
	assert_int_equal(n_wrong, 0);
}

static void test_all(void **state)
{
	(void)state;
	parse("serin.ip=10.0.2.15/24,10.0.2.2,10.0.2.3,1.1.1.1 serin.hostname=box-1.lan "
	      "serin.memory "
	      "serin.vsock=1024 serin.disk=/dev/vdb serin.log=warn serin.shell "
	      "serin.arg=--dns=9.9.9.9 \"serin.arg=--label=a b\" serin.arg=\"-D\"\n");
	assert_int_equal(n_wrong, 0);
	assert_int_equal(o.network, NETWORK_STATIC);
	assert_int_equal(o.address, 0x0a00020f);
	assert_int_equal(o.prefix, 24);
	assert_int_equal(o.gateway, 0x0a000202);
	assert_int_equal(o.n_dns, 2);
	assert_int_equal(o.dns[1], 0x01010101);
	assert_string_equal(o.hostname, "box-1.lan");
	assert_true(o.memory && o.shell);
	assert_int_equal(o.vsock, 1024);
	assert_string_equal(o.disk, "vdb");
	assert_string_equal(o.level, "warn");
	assert_int_equal(o.n_args, 3);
	assert_string_equal(o.args[0], "--dns=9.9.9.9");
	assert_string_equal(o.args[1], "--label=a b");
	assert_string_equal(o.args[2], "-D");
	parse("serin.ip=1.2.3.4/32,,9.9.9.9 serin.vsock=off serin.debug");
	assert_int_equal(n_wrong, 0);
	assert_int_equal(o.gateway, 0);
	assert_int_equal(o.n_dns, 1);
	assert_int_equal(o.vsock, 0);
	assert_string_equal(o.level, "debug");
	parse("serin.ip=none");
	assert_int_equal(o.network, NETWORK_NONE);
}

static void test_wrong(void **state)
{
	static const char *const words[] = {
		"serin.",
		"serin.ip",
		"serin.ip=",
		"serin.ip=1.2.3/24",
		"serin.ip=1.2.3.4/33",
		"serin.ip=1.2.3.4/0",
		"serin.ip=1.2.3.256",
		"serin.ip=0.0.0.0/8",
		"serin.ip=1.2.3.4.5",
		"serin.ip=1.2.3.4/24,x",
		"serin.ip=1.2.3.4/24,1.2.3.1,1.1.1.1,2.2.2.2,3.3.3.3,4.4.4.4",
		"serin.hostname=-a",
		"serin.hostname=a_b",
		"serin.hostname=",
		"serin.memory=1",
		"serin.disk=../sda",
		"serin.disk=",
		"serin.vsock=0",
		"serin.vsock=4294967296",
		"serin.vsock=-1",
		"serin.log=loud",
		"serin.arg=",
		"serin.nonsense=1",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		parse(words[i]);
		assert_int_equal(n_wrong, 1);
		assert_string_equal(last_wrong, words[i]);
		assert_int_equal(o.network, NETWORK_DHCP);
	}
}

static void test_bounds(void **state)
{
	static char line[3 * OPTIONS_TEXT_MAX];
	size_t n = 0;

	(void)state;
	for (int i = 0; i < OPTIONS_ARGS_MAX + 2; i++)
		n += (size_t)sprintf(line + n, "serin.arg=x%d ", i);
	parse(line);
	assert_int_equal(o.n_args, OPTIONS_ARGS_MAX);
	assert_int_equal(n_wrong, 2);
	/* More than there is room for: the end is lost, and nothing else. */
	memset(line, 'a', sizeof(line) - 1);
	memcpy(line, "serin.memory ", 13);
	parse(line);
	assert_true(o.memory);
	memset(line, ' ', sizeof(line) - 1);
	memcpy(line + sizeof(line) - 14, "serin.memory", 12);
	parse(line);
	assert_false(o.memory);
	parse("\"serin.memory");
	assert_true(o.memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
