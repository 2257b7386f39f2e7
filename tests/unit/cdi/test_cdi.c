/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "firmware/core/file.h"
#include "runtime/cdi/cdi.h"
#include "tests/unit/spec/document.h"

#define ONE_DEVICE "\"devices\":[{\"name\":\"a\",\"containerEdits\":{\"env\":[\"A=1\"]}}]"

static char base[64], low[80], high[80];
static const char *dir_names[] = {low, high};
static const struct texts dirs = {dir_names, 2, true};
static struct cdi_injection found;
static struct arena kept;

static int setup(void **state)
{
	strcpy(base, "/tmp/serin-cdi-XXXXXX");
	assert_non_null(mkdtemp(base));
	snprintf(low, sizeof(low), "%s/low", base);
	snprintf(high, sizeof(high), "%s/high", base);
	assert_int_equal(dir_make_all(low, 0700, NULL), 0);
	assert_int_equal(dir_make_all(high, 0700, NULL), 0);
	arena_open_heap(&kept, 4 << 20);
	found = (struct cdi_injection){0};
	return document_setup(state);
}

static int teardown(void **state)
{
	arena_done(&kept);
	assert_int_equal(tree_remove_at(AT_FDCWD, base, NULL), 0);
	return document_teardown(state);
}

static void put(const char *dir, const char *name, const char *text)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(file_replace_at(AT_FDCWD, path, str_from(text), 0600, false, NULL), 0);
}

static int resolve(const char *first, const char *second)
{
	const char *items[] = {first, second};
	struct texts names = {items, second ? 2 : 1, true};

	err_clear(&e);
	return cdi_resolve(&dirs, &names, &kept, &found, &e);
}

static const struct cdi_edits *edits(size_t i)
{
	assert_true(i < found.edits.n);
	return (const struct cdi_edits *)found.edits.items + i;
}

/* What is said of the files in both directories, one to a line. */
static const char *problems(struct texts *ret_names)
{
	struct texts lines;
	struct buf b;

	assert_int_equal(cdi_list(&dirs, &kept, ret_names, &lines), 0);
	buf_init(&b, &kept, 1 << 16);
	buf_puts(&b, "");
	for (size_t i = 0; i < lines.n; i++)
		buf_printf(&b, "%s\n", lines.items[i]);
	return buf_text(&b);
}

static void a_device_and_its_file(void **state)
{
	(void)state;
	put(low, "x.json",
	    "{\"cdiVersion\":\"0.6.0\",\"kind\":\"vendor.com/gpu\",\"devices\":["
	    "{\"name\":\"0\",\"containerEdits\":{\"deviceNodes\":[{\"path\":\"/dev/n\","
	    "\"hostPath\":\"/dev/null\"}]}},"
	    "{\"name\":\"1\",\"containerEdits\":{\"env\":[\"B=2\"]}}],"
	    "\"containerEdits\":{\"env\":[\"A=1\"]}}");
	assert_int_equal(resolve("vendor.com/gpu=0", "vendor.com/gpu=1"), 0);
	/* The file's own once, then each device's. */
	assert_int_equal(found.edits.n, 3);
	assert_string_equal(edits(0)->env.items[0], "A=1");
	assert_string_equal(cdi_find_node(&found, "/dev/n")->type, "c");
	assert_int_equal(cdi_find_node(&found, "/dev/n")->major, 1);
	assert_int_equal(cdi_find_node(&found, "/dev/n")->minor, 3);
	assert_string_equal(edits(2)->env.items[0], "B=2");
	assert_null(cdi_find_node(&found, "/dev/null"));
}

static void yaml_says_the_same(void **state)
{
	(void)state;
	put(low, "x.yaml",
	    "---\n# made by a tool\ncdiVersion: \"0.5.0\"\nkind: vendor.com/gpu\ndevices:\n"
	    "- name: \"0\"\n  containerEdits:\n    deviceNodes:\n    - path: /dev/n\n"
	    "      type: c\n      major: 10\n      minor: 0x\n");
	assert_int_equal(resolve("vendor.com/gpu=0", NULL), -EIO);
	put(low, "x.yaml",
	    "---\n# made by a tool\ncdiVersion: \"0.5.0\"\nkind: vendor.com/gpu\ndevices:\n"
	    "- name: \"0\"\n  containerEdits:\n    deviceNodes:\n    - path: /dev/n\n"
	    "      type: c\n      major: 10\n      minor: 229\n      fileMode: 438\n"
	    "    additionalGids: [44, 0]\n"
	    "    mounts:\n    - {hostPath: /usr/lib, containerPath: /lib/x, options: [ro, "
	    "bind]}\n");
	assert_int_equal(resolve("vendor.com/gpu=0", NULL), 0);
	assert_int_equal(cdi_find_node(&found, "/dev/n")->minor, 229);
	assert_int_equal(cdi_find_node(&found, "/dev/n")->mode.v, 438);
	assert_string_equal(cdi_find_mount(&found, "/lib/x")->options.items[1], "bind");
	assert_true(str_eqz(edits(1)->gids, "[44,0]"));
}

static void names_nobody_has(void **state)
{
	(void)state;
	assert_int_equal(resolve("vendor.com/gpu=0", "x"), -EIO);
	assert_string_equal(e.msg, "CDI device injection failed: unresolvable CDI devices "
				   "vendor.com/gpu=0, x");
}

static void a_host_device_that_is_not_there(void **state)
{
	(void)state;
	put(low, "x.json",
	    "{\"cdiVersion\":\"0.6.0\",\"kind\":\"v.com/c\",\"devices\":[{\"name\":\"a\","
	    "\"containerEdits\":{\"deviceNodes\":[{\"path\":\"/dev/not-there\"}]}},"
	    "{\"name\":\"b\",\"containerEdits\":{\"deviceNodes\":[{\"path\":\"/dev/null\","
	    "\"type\":\"b\"}]}}]}");
	assert_int_equal(resolve("v.com/c=a", NULL), -EIO);
	assert_non_null(strstr(e.msg, "failed to stat CDI host device \"/dev/not-there\""));
	assert_int_equal(resolve("v.com/c=b", NULL), -EIO);
	assert_non_null(strstr(e.msg, "host type mismatch (b, c)"));
}

static void the_later_directory_wins(void **state)
{
	struct texts names;

	(void)state;
	put(low, "x.json",
	    "{\"cdiVersion\":\"0.6.0\",\"kind\":\"v.com/c\",\"devices\":["
	    "{\"name\":\"a\",\"containerEdits\":{\"env\":[\"FROM=low\"]}},"
	    "{\"name\":\"b\",\"containerEdits\":{\"env\":[\"FROM=low\"]}}]}");
	put(high, "y.json",
	    "{\"cdiVersion\":\"0.6.0\",\"kind\":\"v.com/c\",\"devices\":["
	    "{\"name\":\"a\",\"containerEdits\":{\"env\":[\"FROM=high\"]}}]}");
	assert_int_equal(resolve("v.com/c=a", "v.com/c=b"), 0);
	assert_string_equal(edits(1)->env.items[0], "FROM=high");
	assert_string_equal(edits(3)->env.items[0], "FROM=low");
	assert_string_equal(problems(&names), "");
	assert_int_equal(names.n, 2);
	assert_string_equal(names.items[0], "v.com/c=a");
	/* Two files of one rank that say the same make a device unknown, and the others not. */
	put(low, "z.json",
	    "{\"cdiVersion\":\"0.6.0\",\"kind\":\"v.com/c\",\"devices\":["
	    "{\"name\":\"b\",\"containerEdits\":{\"env\":[\"FROM=z\"]}}]}");
	assert_int_equal(resolve("v.com/c=b", NULL), -EIO);
	assert_int_equal(resolve("v.com/c=a", NULL), 0);
	assert_non_null(strstr(problems(&names), "conflicting device \"v.com/c=b\""));
	assert_int_equal(names.n, 1);
}

static void bad_files_are_told_of(void **state)
{
	static const struct {
		const char *text, *message;
	} examples[] = {
		{"", "unexpected end of JSON input"},
		{"[]", "cannot unmarshal array"},
		{"{\"kind\":\"v.com/c\"," ONE_DEVICE "}", "invalid version \"\""},
		{"{\"cdiVersion\":\"9.0.0\",\"kind\":\"v.com/c\"," ONE_DEVICE "}",
		 "invalid version \"9.0.0\""},
		{"{\"cdiVersion\":\"0.6.0\"," ONE_DEVICE "}", "invalid vendor \"\""},
		{"{\"cdiVersion\":\"0.6.0\",\"kind\":\"v.com\"," ONE_DEVICE "}",
		 "invalid class \"\""},
		{"{\"cdiVersion\":\"0.6.0\",\"kind\":\"v.com/c/d\"," ONE_DEVICE "}",
		 "invalid class \"c/d\""},
		{"{\"cdiVersion\":\"0.6.0\",\"kind\":\"1.com/c\"," ONE_DEVICE "}",
		 "invalid vendor \"1.com\""},
		{"{\"cdiVersion\":\"0.6.0\",\"kind\":\"v.com/c\"}", "no devices"},
		{"{\"cdiVersion\":\"0.6.0\",\"kind\":\"v.com/c\",\"devices\":[{\"name\":\"-\"}]}",
		 "invalid device name \"-\""},
		{"{\"cdiVersion\":\"0.6.0\",\"kind\":\"v.com/c\",\"devices\":[{\"name\":\"a\"}]}",
		 "empty device edits"},
	};
	static const struct {
		const char *edits, *message;
	} wrong[] = {
		{"\"env\":[\"=x\"]", "invalid environment variable \"=x\""},
		{"\"env\":\"x\"", "cannot unmarshal string"},
		{"\"deviceNodes\":[{}]", "invalid (empty) device path"},
		{"\"deviceNodes\":[{\"path\":\"/d\",\"type\":\"x\"}]", "invalid type \"x\""},
		{"\"deviceNodes\":[{\"path\":\"/d\",\"major\":-1}]", "invalid (negative)"},
		{"\"deviceNodes\":[{\"path\":\"/d\",\"permissions\":\"x\"}]",
		 "invalid permissions \"x\""},
		{"\"hooks\":[{\"hookName\":\"x\",\"path\":\"/x\"}]", "invalid hook name \"x\""},
		{"\"hooks\":[{\"hookName\":\"poststop\"}]", "invalid hook \"poststop\""},
		{"\"mounts\":[{\"containerPath\":\"/x\"}]", "empty host path"},
		{"\"mounts\":[{\"hostPath\":\"/x\"}]", "empty container path"},
		{"\"additionalGids\":[-1]", "no group id"},
		{"\"additionalGids\":{}", "is not an array"},
		{"\"intelRdt\":[]", "intelRdt is not an object"},
		{"\"netDevices\":[{\"hostInterfaceName\":\"e\",\"name\":\"e\"}]", "not supported"},
	};
	struct texts names;
	char text[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		put(low, "x.json", examples[i].text);
		assert_non_null(strstr(problems(&names), examples[i].message));
		assert_int_equal(names.n, 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		snprintf(text, sizeof(text),
			 "{\"cdiVersion\":\"0.6.0\",\"kind\":\"v.com/c\",\"devices\":[{\"name\":"
			 "\"a\",\"containerEdits\":{%s}}]}",
			 wrong[i].edits);
		put(low, "x.json", text);
		if (!strstr(problems(&names), wrong[i].message))
			print_error("%s\n%s\n", text, problems(&names));
		assert_non_null(strstr(problems(&names), wrong[i].message));
	}
	/* One bad file does not keep the others from being used; other files are none. */
	put(low, "good.json", "{\"cdiVersion\":\"0.6.0\",\"kind\":\"v.com/c\"," ONE_DEVICE "}");
	put(low, "README", "nothing");
	put(low, "bad.yaml", "a: *b\n");
	assert_int_equal(resolve("v.com/c=a", NULL), 0);
	assert_non_null(strstr(problems(&names), "bad.yaml: failed to load CDI Spec: line 1:"));
}

static void the_document_has_it_all(void **state)
{
	static struct spec_mount mounts[] = {{.source = "/s", .target = "/lib/x"},
					     {.source = "/t", .target = "/t"}};

	(void)state;
	put(low, "x.json",
	    "{\"cdiVersion\":\"0.7.0\",\"kind\":\"v.com/c\",\"devices\":[{\"name\":\"a\","
	    "\"containerEdits\":{\"deviceNodes\":["
	    "{\"path\":\"/dev/one\",\"type\":\"c\",\"major\":7,\"minor\":8,\"uid\":5,"
	    "\"permissions\":\"r\"},"
	    "{\"path\":\"/dev/two\",\"type\":\"b\",\"major\":9,\"minor\":1,\"fileMode\":384,"
	    "\"permissions\":\"none\"},"
	    "{\"path\":\"/dev/one\",\"type\":\"c\",\"major\":7,\"minor\":9}],"
	    "\"mounts\":[{\"hostPath\":\"/usr/lib\",\"containerPath\":\"/lib/x\","
	    "\"options\":[\"ro\",\"nosuid\",\"bind\"]},"
	    "{\"hostPath\":\"tmpfs\",\"containerPath\":\"/scratch\",\"type\":\"tmpfs\"}],"
	    "\"hooks\":[{\"hookName\":\"createContainer\",\"path\":\"/bin/hook\",\"args\":["
	    "\"hook\",\"x\"],\"env\":[\"K=v\"],\"timeout\":3},"
	    "{\"hookName\":\"poststop\",\"path\":\"/bin/end\"}],"
	    "\"intelRdt\":{\"closID\":\"z\"}}}]}");
	assert_int_equal(resolve("v.com/c=a", NULL), 0);
	in.cdi = &found;
	in.mounts = mounts;
	in.n_mounts = 2;
	in.user.uid = 1000;
	make();
	assert_true(holds("{\"path\":\"/dev/one\",\"type\":\"c\",\"major\":7,\"minor\":9,"
			  "\"uid\":1000}"));
	assert_false(holds("\"minor\":8,\"uid\""));
	assert_true(holds("\"path\":\"/dev/two\",\"type\":\"b\",\"major\":9,\"minor\":1,"
			  "\"fileMode\":384"));
	assert_true(holds("{\"allow\":true,\"type\":\"c\",\"major\":7,\"minor\":9,\"access\":"
			  "\"rwm\"}"));
	assert_false(holds("\"type\":\"b\",\"major\":9,\"minor\":1,\"access\""));
	assert_true(holds("{\"destination\":\"/lib/x\",\"type\":\"bind\",\"source\":\"/usr/lib\","
			  "\"options\":[\"ro\",\"nosuid\",\"bind\"]}"));
	assert_false(holds("\"source\":\"/s\""));
	assert_true(holds("\"source\":\"/t\""));
	assert_true(holds("\"destination\":\"/scratch\",\"type\":\"tmpfs\""));
	expect("hooks.createContainer", "[{\"path\":\"/bin/hook\",\"args\":[\"hook\",\"x\"],"
					"\"env\":[\"K=v\"],\"timeout\":3}]");
	expect("hooks.poststop", "[{\"path\":\"/bin/end\"}]");
	assert_false(has("hooks.prestart"));
	expect("linux.intelRdt", "{\"closID\":\"z\"}");
	in.cdi = NULL;
	make();
	assert_false(has("hooks"));
	assert_true(holds("\"source\":\"/s\""));
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_device_and_its_file),	TEST(yaml_says_the_same),
		TEST(names_nobody_has),		TEST(a_host_device_that_is_not_there),
		TEST(the_later_directory_wins), TEST(bad_files_are_told_of),
		TEST(the_document_has_it_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
