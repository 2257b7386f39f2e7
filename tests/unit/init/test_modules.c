/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "rootfs/init/modules.h"

static bool match(const char *pattern, const char *text)
{
	return modules_match(str_from(pattern), str_from(text));
}

static void test_match(void **state)
{
	(void)state;
	assert_true(match("virtio:d00000001v*", "virtio:d00000001v00001AF4"));
	assert_false(match("virtio:d00000001v*", "virtio:d00000002v00001AF4"));
	assert_true(match("pci:v00001AF4d*sv*sd*bc*sc*i*",
			  "pci:v00001AF4d00001041sv00001AF4sd00001100bc02sc00i00"));
	assert_true(match("input:b*v*p*e*-e*1,*k*", "input:b0019v0000p0001e0000-e0,1,kramlsfw"));
	assert_true(match("", ""));
	assert_true(match("*", ""));
	assert_false(match("?", ""));
	assert_true(match("a[bc]d", "acd"));
	assert_true(match("a[0-9]", "a7"));
	assert_false(match("a[0-9]", "ax"));
	assert_false(match("a[", "a"));
	assert_true(match("nft-chain-2-nat", "nft_chain_2_nat"));
	assert_false(match("ab", "abc"));
	assert_false(match("abc", "ab"));
	assert_true(match("**a**", "xax"));
}

/* Many stars and a text that nearly matches: still quick. */
static void test_match_is_bounded(void **state)
{
	char pattern[400], text[4000];

	(void)state;
	for (size_t i = 0; i < sizeof(pattern) - 2; i += 2)
		memcpy(pattern + i, "a*", 2);
	memcpy(pattern + sizeof(pattern) - 2, "b", 2);
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_false(match(pattern, text));
}

static void test_find(void **state)
{
	const struct str dep =
		STR("kernel/net/nf-nat.ko: kernel/net/nf_conntrack.ko kernel/lib/crc.ko\n"
		    "kernel/net/nf_conntrack.ko:\nkernel/fs/overlay.ko.xz:\nbroken");
	struct str path, needs;

	(void)state;
	assert_true(modules_find(dep, STR("nf_nat"), &path, &needs));
	assert_true(str_eqz(path, "kernel/net/nf-nat.ko"));
	assert_true(str_eqz(needs, "kernel/net/nf_conntrack.ko kernel/lib/crc.ko"));
	assert_true(modules_find(dep, STR("overlay"), &path, &needs));
	assert_int_equal(needs.n, 0);
	assert_false(modules_find(dep, STR("nf"), &path, &needs));
	assert_false(modules_find(dep, STR("nf_nat_x"), &path, &needs));
	assert_false(modules_find(STR(""), STR("x"), &path, &needs));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_match_is_bounded),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
