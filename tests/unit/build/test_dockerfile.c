/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/build/config.h"

static struct arena mem;

static int begin(void **state)
{
	(void)state;
	arena_open_heap(&mem, 8u << 20);
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_done(&mem);
	return 0;
}

static struct dockerfile parsed(const char *text)
{
	struct dockerfile d = {0};
	struct err e = ERR_INIT;

	assert_int_equal(dockerfile_parse(str_from(text), &mem, &d, &e), 0);
	return d;
}

static void parses_lines(void **state)
{
	struct dockerfile d = parsed("\xef\xbb\xbf# escape=`\n# a comment\n\n  FROM  a AS b  \r\n"
				     "run one `\n# inside\n\n   two`\n three\nCMD --x=\"1 2\" "
				     "--y=a`  b [\"z\"]");

	(void)state;
	assert_int_equal(d.escape, '`');
	assert_int_equal(d.n, 3);
	assert_string_equal(d.items[0].name, "FROM");
	assert_string_equal(d.items[0].rest, "a AS b");
	assert_int_equal(d.items[0].line, 4);
	assert_string_equal(d.items[1].name, "run");
	assert_string_equal(d.items[1].rest, "one    two three");
	assert_int_equal(d.items[2].flags.n, 2);
	assert_string_equal(d.items[2].flags.items[0], "--x=1 2");
	assert_string_equal(d.items[2].flags.items[1], "--y=a ");
	assert_string_equal(d.items[2].rest, "b [\"z\"]");
}

static void refuses_texts(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{"", "file with no instructions"},
		{"\n# only\n  \n", "file with no instructions"},
		{"# escape=x\nFROM a", "invalid escape token"},
		{"# escape=`\n# escape=`\nFROM a", "only one escape"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct dockerfile d;
		struct err e = ERR_INIT;

		assert_true(dockerfile_parse(str_from(cases[i].text), &mem, &d, &e) < 0);
		assert_int_equal(e.kind, ERR_INVALID);
		assert_non_null(strstr(e.msg, cases[i].words));
	}
}

static void expands(void **state)
{
	const char *items[] = {"A=1", "EMPTY=", "SP=x y"};
	const struct texts env = {items, ARRAY_LEN(items), true};
	const struct dockerfile_scope scope = {.lists = {&env}, .n = 1};
	static const struct {
		const char *word, *want; /* NULL: refused */
	} cases[] = {
		{"plain", "plain"},
		{"$A", "1"},
		{"${A}b", "1b"},
		{"$NONE.", "."},
		{"'$A'", "$A"},
		{"\"$A \\\" \\$A\"", "1 \" $A"},
		{"\\$A", "$A"},
		{"${NONE:-d$A}", "d1"},
		{"${EMPTY:-d}", "d"},
		{"${EMPTY-d}", ""},
		{"${A:+yes}${NONE:+no}", "yes"},
		{"${A:?bad}", "1"},
		{"$", "$"},
		{"a\\", "a"},
		{"${NONE:-${NONE:-deep}}", "deep"},
		{"${NONE:?gone}", NULL},
		{"${A", NULL},
		{"${}", NULL},
		{"${A:", NULL},
		{"${A%x}", NULL},
		{"\"open", NULL},
		{"'open", NULL},
		{"${NONE:-open", NULL},
	};
	struct texts words;
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *got = NULL;
		int r = dockerfile_expand(cases[i].word, '\\', &scope, &mem, &got, &e);

		assert_int_equal(r < 0, cases[i].want == NULL);
		if (cases[i].want)
			assert_string_equal(got, cases[i].want);
	}
	assert_int_equal(
		dockerfile_expand_words("a $SP \"$SP\" $NONE ''", '\\', &scope, &mem, &words, &e),
		0);
	assert_int_equal(words.n, 5);
	assert_string_equal(words.items[2], "y");
	assert_string_equal(words.items[3], "x y");
	assert_string_equal(words.items[4], "");
}

static int change(struct container_config *c, const char *text, struct err *e)
{
	const struct texts changes = {&text, 1, true};

	*e = (struct err)ERR_INIT;
	return build_config_changes(c, &changes, &mem, e);
}

static void changes_the_configuration(void **state)
{
	const char *items[] = {"A=1", "B=2"};
	struct container_config c = {.env = {items, 2, true}, .working_dir = "/w"};
	struct err e;

	(void)state;
	assert_int_equal(change(&c,
				"ENV A=3 C=\"x y\" D=$A\nENTRYPOINT [\"/e\", \"1\"]\nCMD run me\n"
				"WORKDIR ../x//y/.\nEXPOSE 80 8000-8001/udp 80/tcp\nUSER u$A\n"
				"LABEL a=b c='d e' a=f\nVOLUME [\"/v\"]\nSTOPSIGNAL 9\n"
				"ONBUILD RUN x  y\nHEALTHCHECK --timeout=2s CMD [\"t\"]",
				&e),
			 0);
	assert_int_equal(c.env.n, 4);
	assert_string_equal(c.env.items[0], "A=3");
	assert_string_equal(c.env.items[2], "C=x y");
	assert_string_equal(c.env.items[3], "D=1");
	assert_string_equal(items[0], "A=1"); /* another's memory */
	assert_int_equal(c.cmd.n, 3);
	assert_string_equal(c.cmd.items[2], "run me");
	assert_string_equal(c.working_dir, "/x/y");
	assert_int_equal(c.exposed_ports.n, 3);
	assert_string_equal(c.exposed_ports.items[2], "8001/udp");
	assert_string_equal(c.user, "u3");
	assert_int_equal(c.labels.n, 2);
	assert_string_equal(text_map_get(&c.labels, "a"), "f");
	assert_string_equal(text_map_get(&c.labels, "c"), "d e");
	assert_string_equal(c.on_build.items[0], "RUN x  y");
	assert_int_equal(c.healthcheck->timeout, 2000000000);
	assert_string_equal(c.healthcheck->test.items[0], "CMD");
	assert_int_equal(change(&c, "HEALTHCHECK NONE\nENTRYPOINT x", &e), 0);
	assert_string_equal(c.healthcheck->test.items[0], "NONE");
	assert_int_equal(c.cmd.n, 0);
}

static void refuses_changes(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{"RUN x", "RUN is not a valid change command"},
		{"SHELL [\"a\"]", "SHELL is not a valid change command"},
		{"ENV", "ENV requires at least one argument"},
		{"ENV =x", "names can not be blank"},
		{"LABEL x", "LABEL must have two arguments"},
		{"EXPOSE", "EXPOSE requires at least one argument"},
		{"EXPOSE 9-8", "invalid containerPort"},
		{"EXPOSE 70000", "invalid containerPort"},
		{"VOLUME", "VOLUME requires at least one argument"},
		{"VOLUME [\"\"]", "can not be an empty string"},
		{"VOLUME [1]", "only string types"},
		{"WORKDIR", "WORKDIR requires exactly one argument"},
		{"WORKDIR $NONE", "cannot normalize nothing"},
		{"USER --x=1 u", "unknown flag: x"},
		{"HEALTHCHECK", "at least one argument"},
		{"HEALTHCHECK CMD", "Missing command"},
		{"HEALTHCHECK NONE x", "takes no arguments"},
		{"HEALTHCHECK --interval=1 CMD x", "invalid duration"},
		{"HEALTHCHECK --interval=1us CMD x", "cannot be less than 1ms"},
		{"HEALTHCHECK --retries=-1 CMD x", "cannot be negative"},
		{"HEALTHCHECK --retries=1 --retries=2 CMD x", "duplicate flag"},
		{"HEALTHCHECK --retries CMD x", "missing a value on flag: retries"},
		{"ONBUILD", "ONBUILD requires at least one argument"},
		{"ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"},
		{"STOPSIGNAL x", "invalid signal"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct container_config c = {0};
		struct err e;

		assert_true(change(&c, cases[i].text, &e) < 0);
		assert_int_equal(e.kind, ERR_INVALID);
		if (!strstr(e.msg, cases[i].words))
			fail_msg("%s: %s", cases[i].text, e.msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(parses_lines, begin, end),
		cmocka_unit_test_setup_teardown(refuses_texts, begin, end),
		cmocka_unit_test_setup_teardown(expands, begin, end),
		cmocka_unit_test_setup_teardown(changes_the_configuration, begin, end),
		cmocka_unit_test_setup_teardown(refuses_changes, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
