/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "firmware/fmt/yaml.h"

static void gives(const char *yaml, const char *json)
{
	struct err e = ERR_INIT;
	struct buf out;

	buf_init_heap(&out, 1 << 16);
	if (yaml_to_json(str_from(yaml), &out, &e) < 0)
		print_error("%s: %s\n", yaml, e.msg);
	assert_int_equal(e.kind, ERR_NONE);
	assert_string_equal(buf_text(&out), json);
	buf_done(&out);
}

static void refuses(const char *yaml, const char *message)
{
	struct err e = ERR_INIT;
	struct buf out;

	buf_init_heap(&out, 256);
	assert_true(yaml_to_json(str_from(yaml), &out, &e) < 0);
	if (!strstr(e.msg, message))
		print_error("%s: %s\n", yaml, e.msg);
	assert_non_null(strstr(e.msg, message));
	buf_done(&out);
}

static void test_scalars(void **state)
{
	(void)state;
	gives("", "null");
	gives("# nothing\n", "null");
	gives("~", "null");
	gives("word", "\"word\"");
	gives("two words", "\"two words\"");
	gives("\"12\"", "\"12\"");
	gives("'true'", "\"true\"");
	gives("12", "12");
	gives("-0.5e3", "-0.5e3");
	gives("012", "\"012\"");
	gives("0x10", "\"0x10\"");
	gives("1.", "\"1.\"");
	gives("0.5.0", "\"0.5.0\"");
	gives("true", "true");
	gives("False", "false");
	gives("yes", "\"yes\"");
	gives("\"a\\nb\\u00e9\"", "\"a\\nb\xc3\xa9\"");
	gives("|\n  one\n  two\n", "\"one\\ntwo\\n\"");
}

static void test_nests(void **state)
{
	(void)state;
	gives("a: 1\nb:\n- x\n- y: z\n  k: []\nc: {d: ~}\n",
	      "{\"a\":1,\"b\":[\"x\",{\"y\":\"z\",\"k\":[]}],\"c\":{\"d\":null}}");
	gives("1: a\ntrue: b\n", "{\"1\":\"a\",\"true\":\"b\"}");
	gives("a:\nb: c\n", "{\"a\":null,\"b\":\"c\"}");
	gives("- &x one\n- two\n", "[\"one\",\"two\"]");
	gives("one\n---\ntwo\n", "\"one\"");
	gives("{\"json\": [1, \"too\"]}", "{\"json\":[1,\"too\"]}");
}

static void test_refusals(void **state)
{
	char deep[400];

	(void)state;
	refuses("a: [1", "line ");
	refuses("a: b\n c: d\n", "line 2");
	refuses("- &x one\n- *x\n", "line 2: aliases are not taken");
	refuses("? [a]\n: b\n", "a key that is no text");
	refuses("\t- x", "line 1");
	refuses("\xff\xfe\xff", "line ");
	memset(deep, '[', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = 0;
	refuses(deep, "nested too deep");
	memset(deep, 'x', sizeof(deep) - 1);
	refuses(deep, "too large");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scalars),
		cmocka_unit_test(test_nests),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
