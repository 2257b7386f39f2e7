/* SPDX-License-Identifier: Apache-2.0 */
/* The reference grammar: what is taken, how it is shown, and in which words it is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/image/reference.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "sha256:" HEX

static const struct good {
	const char *text, *domain, *path, *tag, *digest, *familiar;
} good[] = {
	{"alpine", "docker.io", "library/alpine", "", "", "alpine"},
	{"alpine:3.20", "docker.io", "library/alpine", "3.20", "", "alpine:3.20"},
	{"library/alpine:x", "docker.io", "library/alpine", "x", "", "alpine:x"},
	{"docker.io/alpine", "docker.io", "library/alpine", "", "", "alpine"},
	{"index.docker.io/library/a", "docker.io", "library/a", "", "", "a"},
	{"docker.io/user/a:1", "docker.io", "user/a", "1", "", "user/a:1"},
	{"library/a/b", "docker.io", "library/a/b", "", "", "library/a/b"},
	{"localhost/a", "localhost", "a", "", "", "localhost/a"},
	{"localhost:5000/a:1", "localhost:5000", "a", "1", "", "localhost:5000/a:1"},
	{"127.0.0.1:5000/a/b", "127.0.0.1:5000", "a/b", "", "", "127.0.0.1:5000/a/b"},
	{"[::1]:5000/a", "[::1]:5000", "a", "", "", "[::1]:5000/a"},
	{"example.com/a__b/c-d/e---f.g_h", "example.com", "a__b/c-d/e---f.g_h", "", "",
	 "example.com/a__b/c-d/e---f.g_h"},
	{"UPPER/a", "UPPER", "a", "", "", "UPPER/a"},
	{"a@" DIGEST, "docker.io", "library/a", "", DIGEST, "a@" DIGEST},
	{"a:1@" DIGEST, "docker.io", "library/a", "1", DIGEST, "a:1@" DIGEST},
	{"a:_x.y-z", "docker.io", "library/a", "_x.y-z", "", "a:_x.y-z"},
	{"docker.io/a.b/c", "docker.io", "a.b/c", "", "", "docker.io/a.b/c"},
	{"docker.io/localhost/c", "docker.io", "localhost/c", "", "", "docker.io/localhost/c"},
	{"library/" HEX, "docker.io", "library/" HEX, "", "", "library/" HEX},
	{"foo:5000", "docker.io", "library/foo", "5000", "", "foo:5000"},
};

static void test_good(void **state)
{
	char shown[REFERENCE_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct reference r;
		struct err e = ERR_INIT;

		if (reference_parse(str_from(good[i].text), &r, &e) < 0)
			fail_msg("%s: %s", good[i].text, e.msg);
		assert_string_equal(r.domain, good[i].domain);
		assert_string_equal(r.path, good[i].path);
		assert_string_equal(r.tag, good[i].tag);
		assert_string_equal(r.digest.text, good[i].digest);
		reference_familiar(&r, shown);
		assert_string_equal(shown, good[i].familiar);
	}
}

static const struct bad {
	const char *text, *message;
} bad[] = {
	{"", "invalid reference format"},
	{":x", "invalid reference format"},
	{"a:", "invalid reference format"},
	{"a:b:c", "invalid reference format"},
	{"a:-x", "invalid reference format"},
	{"a:b/c", "invalid reference format"},
	{"-x", "invalid reference format"},
	{"a//b", "invalid reference format"},
	{"a/../b", "invalid reference format"},
	{"a..b/c", "invalid reference format"},
	{"a/b/", "invalid reference format"},
	{"/a", "invalid reference format"},
	{"a b", "invalid reference format"},
	{"a___b", "invalid reference format"},
	{"a_-b", "invalid reference format"},
	{"-a.com/b", "invalid reference format"},
	{"a.com:x/b", "invalid reference format"},
	{"a.com:/b", "invalid reference format"},
	{"a@sha256:12", "invalid reference format"},
	{"a@md5:" HEX, "invalid reference format"},
	{"UPPER", "invalid reference format: repository name (library/UPPER) must be lowercase"},
	{"a.com/Up:x", "invalid reference format: repository name (Up) must be lowercase"},
	{HEX, "invalid repository name (" HEX "), cannot specify 64-byte hexadecimal strings"},
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct reference r;
		struct err e = ERR_INIT;

		if (reference_parse(str_from(bad[i].text), &r, &e) == 0)
			fail_msg("%s is taken", bad[i].text);
		assert_int_equal(e.kind, ERR_INVALID);
		assert_string_equal(e.msg, bad[i].message);
	}
}

static void test_lengths(void **state)
{
	char text[600];
	struct reference r;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "x.io/", 5);
	text[5 + REFERENCE_PATH_MAX - 1] = '\0';
	assert_int_equal(reference_parse(str_from(text), &r, NULL), 0);
	text[5 + REFERENCE_PATH_MAX - 1] = 'a';
	text[5 + REFERENCE_PATH_MAX] = '\0';
	assert_int_not_equal(reference_parse(str_from(text), &r, NULL), 0);
	memset(text, 'a', sizeof(text));
	text[1] = ':';
	text[2 + 128] = '\0';
	assert_int_equal(reference_parse(str_from(text), &r, NULL), 0);
	text[2 + 128] = 'a';
	text[2 + 129] = '\0';
	assert_int_not_equal(reference_parse(str_from(text), &r, NULL), 0);
	assert_int_not_equal(reference_parse(str_span("a\0b", 3), &r, NULL), 0);
}

static void test_set_tag(void **state)
{
	char shown[REFERENCE_TEXT_MAX];
	struct reference r;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(reference_parse(STR("a"), &r, &e), 0);
	reference_default_tag(&r);
	reference_canonical(&r, shown);
	assert_string_equal(shown, "docker.io/library/a:latest");
	assert_int_equal(reference_set_tag(&r, STR("v1"), &e), 0);
	reference_familiar(&r, shown);
	assert_string_equal(shown, "a:v1");
	assert_int_not_equal(reference_set_tag(&r, STR("bad tag"), &e), 0);
	assert_string_equal(e.msg, "invalid tag format");
	assert_int_not_equal(reference_set_tag(&r, STR(""), &e), 0);
	assert_int_not_equal(reference_set_tag(&r, STR("sha256:12"), &e), 0);
	assert_int_equal(reference_parse(STR("a"), &r, &e), 0);
	assert_int_equal(reference_set_tag(&r, STR(DIGEST), &e), 0);
	reference_default_tag(&r);
	reference_familiar(&r, shown);
	assert_string_equal(shown, "a@" DIGEST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_set_tag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
