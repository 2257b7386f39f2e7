/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/container/log_tag.h"

static struct err e;
static struct arena a;
static struct text_pair options[8];
static struct text_map option_map = {options, 0, true};

static struct text_pair label_pairs[] = {{"com.x", "1"}, {"color", "red"}, {"shape", "round"}};
static struct text_map labels = {label_pairs, 3, true};
static const char *env_items[] = {"A=1", "B=two=2", "PLAIN", "color=blue"};
static struct texts env = {env_items, 4, true};
static const char *arg_items[] = {"-c", "echo hi"};
static struct texts args = {arg_items, 2, true};

static const struct log_info info = {
	.id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	.name = "web",
	.image_id = "sha256:fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210",
	.image_name = "shop/web:1",
	.path = "sh",
	.args = &args,
	.env = &env,
	.labels = &labels,
	.options = &option_map,
	.hostname = "here",
};

static int begin(void **state)
{
	(void)state;
	e = (struct err)ERR_INIT;
	option_map.n = 0;
	arena_open_heap(&a, 1 << 20);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	arena_done(&a);
	return 0;
}

static void option(const char *key, const char *value)
{
	options[option_map.n++] = (struct text_pair){key, value};
}

static void expect(const char *template, const char *want)
{
	const char *got;

	option_map.n = 0;
	option("tag", template);
	option("labels", "shape,none,color");
	if (log_tag(&info, "", &a, &got, &e) < 0)
		fail_msg("%s: %s", template, e.msg);
	assert_string_equal(got, want);
}

static void fails(const char *template, const char *part)
{
	const char *got;

	option_map.n = 0;
	option("tag", template);
	e = (struct err)ERR_INIT;
	assert_true(log_tag(&info, "", &a, &got, &e) < 0);
	if (!strstr(e.msg, part))
		fail_msg("%s: %s", template, e.msg);
}

static void fields(void **state)
{
	(void)state;
	expect("plain", "plain");
	expect("{{.ID}}", "0123456789ab");
	expect("{{.FullID}}", info.id);
	expect("{{.Name}}/{{.ImageName}}", "web/shop/web:1");
	expect("{{ .ImageID }}|{{.ImageFullID}}",
	       "sha256:fedcb|sha256:fedcba9876543210fedcba9876543210fedcba9876543210fedcba98765432"
	       "10");
	expect("{{.DaemonName}}-{{.Command}}", "docker-sh -c echo hi");
	expect("{{.ExtraAttributes nil}}", "map[color:red shape:round]");
	expect("{{.ContainerName}} {{.Hostname}}", "/web here");
}

static void markup(void **state)
{
	(void)state;
	expect("a {{- .Name -}} b", "awebb");
	expect("a{{/* said to nobody */}}b", "ab");
	expect("{{\"q\\\"x\"}}{{`raw`}}{{12}}", "q\"xraw12");
	expect("{{.Name | upper}}", "WEB");
	expect("{{upper .Name | lower | title}}", "Web");
	expect("{{truncate .Name 2}}", "we");
	expect("{{pad .Name 1 2}}|", " web  |");
	expect("{{json .Name}}", "\"web\"");
	expect("} }} {", "} }} {");
}

static void mistakes(void **state)
{
	(void)state;
	fails("{{.Nope}}", "can't evaluate field Nope in type *logger.Info");
	fails("{{.Name", "unclosed action");
	fails("{{}}", "missing value for command");
	fails("{{nope .Name}}", "function \"nope\" not defined");
	fails("{{.Name .ID}}", "unexpected");
	fails("{{truncate .Name}}", "wrong number");
	fails("{{pad .Name 1 100000}}", "wrong number");
	fails("{{\"x}}", "unterminated");
	fails("{{.Name |}}", "unexpected");
	fails("{{.}}", "unexpected");
	fails("{{upper 3}}", "wrong number");
}

static void the_default_holds_without_one(void **state)
{
	const char *got;

	(void)state;
	assert_int_equal(log_tag(&info, "{{.ID}}", &a, &got, &e), 0);
	assert_string_equal(got, "0123456789ab");
	option("tag", "");
	assert_int_equal(log_tag(&info, "{{.Name}}", &a, &got, &e), 0);
	assert_string_equal(got, "web");
}

static void attributes(void **state)
{
	struct text_map map;

	(void)state;
	assert_int_equal(log_attributes(&info, &a, &map, &e), 0);
	assert_int_equal(map.n, 0);
	option("labels-regex", "^co");
	option("env", "B,PLAIN,MISSING");
	option("env-regex", "^[A-A]$");
	assert_int_equal(log_attributes(&info, &a, &map, &e), 0);
	assert_int_equal(map.n, 4);
	assert_string_equal(map.items[0].key, "A");
	assert_string_equal(map.items[1].value, "two=2");
	assert_string_equal(map.items[2].value, "red");
	assert_string_equal(map.items[3].key, "com.x");
	/* A variable of the name of a label is the one that counts. */
	option("env", "");
	options[1].value = "color";
	assert_int_equal(log_attributes(&info, &a, &map, &e), 0);
	assert_string_equal(text_map_get(&map, "color"), "blue");
	options[0].value = "a(";
	assert_true(log_attributes(&info, &a, &map, &e) < 0);
	assert_int_equal(e.kind, ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(fields, begin, finish),
		cmocka_unit_test_setup_teardown(markup, begin, finish),
		cmocka_unit_test_setup_teardown(mistakes, begin, finish),
		cmocka_unit_test_setup_teardown(the_default_holds_without_one, begin, finish),
		cmocka_unit_test_setup_teardown(attributes, begin, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
