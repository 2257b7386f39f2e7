/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line and the configuration file; and that the manual page and --help know every
 * option.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/main/options.h"
#include "firmware/core/config.h"
#include "firmware/core/file.h"
#include "firmware/core/log.h"
#include "firmware/net/socket.h"

/* --- what stands outside --- */

int listener_check(const char *host, struct err *e)
{
	return strz_starts(host, "unix://") || strz_starts(host, "fd://")
		       ? 0
		       : err_set(e, ERR_INVALID, "bad address %s", host);
}

/* --- */

static struct arena arena;
static char file[] = "/tmp/serin-options-XXXXXX";

static int set_up(void **state)
{
	int fd = mkstemp(file);

	(void)state;
	arena_open_heap(&arena, 16 << 20);
	return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
	(void)state;
	unlink(file);
	arena_done(&arena);
	return 0;
}

/* The words of line, with the file's content (NULL: the file is not named). */
static int parse(const char *line, const char *content, struct daemon_options *ret, struct err *e)
{
	char *argv[32], *words = arena_strdup(&arena, line), *save = NULL;
	int argc = 0;

	*e = (struct err)ERR_INIT;
	if (content) {
		assert_int_equal(file_replace_at(AT_FDCWD, file, str_from(content), 0600, false, e),
				 0);
		argv[argc++] = "--config-file";
		argv[argc++] = file;
	}
	for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	return options_read(argc, argv, &arena, ret, e);
}

static struct daemon_options parsed(const char *line, const char *content)
{
	struct daemon_options opt;
	struct err e;

	if (parse(line, content, &opt, &e) < 0)
		fail_msg("%s, %s: %s", line, content ? content : "no file", e.msg);
	return opt;
}

static void refused(const char *line, const char *content, const char *message)
{
	struct daemon_options opt;
	struct err e;

	if (parse(line, content, &opt, &e) == 0)
		fail_msg("%s, %s is taken", line, content ? content : "no file");
	if (!strstr(e.msg, message))
		fail_msg("\"%s\" does not say \"%s\"", e.msg, message);
}

static bool is_in_help(const char *text)
{
	for (size_t i = 0; i < option_count; i++)
		if (strstr(option_table[i].help, text))
			return true;
	return false;
}

static void defaults_are_what_help_says(void **state)
{
	struct daemon_options opt = parsed("", "");
	char text[64];

	(void)state;
	snprintf(text, sizeof(text), "name none (%s)", opt.engine.default_log_driver);
	assert_true(is_in_help(text));
	assert_string_equal(opt.engine.data_root, "/var/lib/serin");
	assert_string_equal(opt.engine.exec_root, "/run/serin");
	assert_string_equal(opt.engine.bridge, "docker0");
	assert_string_equal(opt.engine.bip, "172.17.0.1/16");
	assert_string_equal(opt.engine.cgroup_parent, "docker");
	assert_string_equal(opt.engine.default_runtime, "runc");
	assert_string_equal(opt.pidfile, "/run/serind.pid");
	assert_string_equal(opt.log_level, "info");
	assert_int_equal(opt.hosts.n, 1);
	assert_string_equal(opt.hosts.items[0], "unix:///var/run/docker.sock");
	assert_int_equal(opt.engine.n_runtimes, 2);
	assert_string_equal(opt.engine.runtimes[0].path, "runc");
	assert_string_equal(opt.engine.runtimes[1].name, "crun");
	assert_false(opt.debug);
	assert_null(opt.engine.storage_driver);
}

static void every_form_of_a_flag_is_read(void **state)
{
	struct daemon_options opt =
		parsed("-H unix:///a --host=unix:///b -Hfd:// -D --data-root /d -p=/x.pid "
		       "--dns 1.1.1.1 --dns=::1 --add-runtime mine=/opt/mine --runtime mine "
		       "--label a=b --pidfile= --log-level=warn",
		       NULL);

	(void)state;
	assert_int_equal(opt.hosts.n, 3);
	assert_string_equal(opt.hosts.items[0], "unix:///a");
	assert_string_equal(opt.hosts.items[1], "unix:///b");
	assert_string_equal(opt.hosts.items[2], "fd://");
	assert_true(opt.debug && opt.engine.debug);
	assert_string_equal(opt.engine.data_root, "/d");
	assert_string_equal(opt.pidfile, "");
	assert_int_equal(opt.engine.dns.n, 2);
	assert_int_equal(opt.engine.n_runtimes, 3);
	assert_string_equal(opt.engine.runtimes[0].name, "mine");
	assert_string_equal(opt.engine.runtimes[0].path, "/opt/mine");
	assert_string_equal(opt.engine.default_runtime, "mine");
	assert_false(parsed("-D --debug=false", NULL).debug);
}

static void relative_roots_become_absolute(void **state)
{
	struct daemon_options opt = parsed("--data-root run/data --exec-root ./x", "");

	(void)state;
	assert_int_equal(opt.engine.data_root[0], '/');
	assert_non_null(strstr(opt.engine.data_root, "/run/data"));
	assert_int_equal(opt.engine.exec_root[0], '/');
}

static void bad_command_lines_are_refused(void **state)
{
	static const struct {
		const char *line, *message;
	} examples[] = {
		{"daemon", "unexpected argument: daemon"},
		{"--nope", "unknown flag: --nope"},
		{"--nope=1", "unknown flag: --nope=1"},
		{"-X", "unknown flag: -X"},
		{"--", "unknown flag: --"},
		{"-", "unexpected argument: -"},
		{"--data-root", "flag needs an argument: --data-root"},
		{"-H", "flag needs an argument: --host"},
		{"--debug=maybe", "invalid argument \"maybe\" for \"--debug\" flag"},
		{"-H http://x", "bad address http://x"},
		{"--log-level loud", "invalid log level: \"loud\""},
		{"--dns here", "here is not an ip address"},
		{"--storage-driver zfs", "driver not supported: zfs"},
		{"--log-driver nosuch", "no log driver named 'nosuch'"},
		{"--log-opt x", "invalid log option \"x\""},
		{"--add-runtime x", "invalid runtime \"x\""},
		{"--default-runtime kata", "default runtime 'kata' does not exist"},
		{"--vsock-cid -1", "invalid vsock CID: -1"},
		{"--vsock-cid 4294967295", "invalid vsock CID: 4294967295"},
		{"--config-file /not/here.json", "/not/here.json"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++)
		refused(examples[i].line, NULL, examples[i].message);
}

static void the_file_speaks_of_the_same_options(void **state)
{
	struct daemon_options opt = parsed(
		"--dns-search flag.example",
		"{\"hosts\":[\"unix:///f\"],\"debug\":true,\"data-root\":\"/f\","
		"\"dns\":[\"9.9.9.9\"],\"insecure-registries\":[\"a:5000\",\"10.0.0.0/8\"],"
		"\"registry-mirrors\":[\"https://m\"],\"vsock-cids\":[2,3],"
		"\"runtimes\":{\"mine\":{\"path\":\"/opt/mine\"}},\"default-runtime\":\"mine\","
		"\"features\":{\"cdi\":true,\"buildkit\":true},"
		"\"cdi-spec-dirs\":[\"/c\"],\"labels\":[\"k=v\"]}");

	(void)state;
	assert_string_equal(opt.hosts.items[0], "unix:///f");
	assert_true(opt.debug);
	assert_string_equal(opt.engine.data_root, "/f");
	assert_string_equal(opt.engine.dns.items[0], "9.9.9.9");
	assert_string_equal(opt.engine.dns_search.items[0], "flag.example");
	assert_int_equal(opt.engine.insecure_registries.n, 2);
	assert_string_equal(opt.engine.registry_mirrors.items[0], "https://m");
	assert_string_equal(opt.vsock_cids.items[1], "3");
	assert_string_equal(opt.engine.runtimes[0].path, "/opt/mine");
	assert_string_equal(opt.engine.default_runtime, "mine");
	assert_int_equal(opt.engine.cdi_spec_dirs.n, CONFIG(CDI));
	assert_string_equal(parsed("", "  \n").log_level, "info");
	assert_string_equal(parsed("", "{}").log_level, "info");
}

static void devices_have_two_directories_unless_told(void **state)
{
	static const struct {
		const char *line, *file;
		size_t n;
	} none[] = {
		{"--cdi-spec-dir=", NULL, 0},
		{"--cdi-spec-dir=/a --cdi-spec-dir=/b --cdi-spec-dir=/c", NULL, 3},
		{"", "{\"cdi-spec-dirs\":[]}", 0},
		{"", "{\"features\":{\"cdi\":false}}", 0},
	};

	(void)state;
	if (!CONFIG(CDI))
		return;
	assert_int_equal(parsed("", NULL).engine.cdi_spec_dirs.n, 2);
	assert_string_equal(parsed("", NULL).engine.cdi_spec_dirs.items[0], "/etc/cdi");
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		assert_int_equal(parsed(none[i].line, none[i].file).engine.cdi_spec_dirs.n,
				 none[i].n);
}

static void bad_files_are_refused(void **state)
{
	static const struct {
		const char *line, *content, *message;
	} examples[] = {
		{"", "{", "unable to configure the daemon with file"},
		{"", "[]", "it must hold one JSON object"},
		{"", "{\"nope\":1}",
		 "the following directives don't match any configuration option: nope"},
		{"", "{\"help\":true}", "don't match any configuration option: help"},
		{"-D", "{\"debug\":false}",
		 "specified both as a flag and in the configuration file: debug"},
		{"", "{\"debug\":\"yes\"}", "the value of debug must be true or false"},
		{"", "{\"hosts\":\"unix:///x\"}", "the value of hosts must be a list of strings"},
		{"", "{\"dns\":[true]}", "the value of dns must be a list of strings"},
		{"", "{\"data-root\":7}", "the value of data-root must be a string"},
		{"", "{\"runtimes\":{\"a\":\"b\"}}",
		 "the value of runtimes must be an object of objects with a path"},
		{"", "{\"log-opts\":[]}", "the value of log-opts must be an object"},
		{"", "{\"log-level\":\"loud\"}", "invalid log level"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++)
		refused(examples[i].line, examples[i].content, examples[i].message);
}

static void no_two_options_share_a_name(void **state)
{
	(void)state;
	assert_true(option_count <= 64); /* from_flag has a bit for each */
	for (size_t i = 0; i < option_count; i++)
		for (size_t k = i + 1; k < option_count; k++) {
			const struct option *a = &option_table[i], *b = &option_table[k];

			assert_true(strcmp(a->flag, b->flag) < 0); /* and --help is sorted */
			assert_false(a->letter && a->letter == b->letter);
			assert_false(a->key && b->key && !strcmp(a->key, b->key));
		}
}

static void help_names_every_option(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, &arena, 1 << 16);
	options_help(&out);
	assert_false(out.failed);
	for (size_t i = 0; i < option_count; i++) {
		assert_non_null(strstr(buf_text(&out),
				       arena_printf(&arena, "--%s ", option_table[i].flag)));
		assert_non_null(strstr(buf_text(&out), option_table[i].help));
	}
}

/* As it stands in a manual page, where "-" is "\\-". */
static const char *in_roff(const char *text)
{
	struct buf out;

	buf_init(&out, &arena, 256);
	for (; *text; text++)
		buf_printf(&out, *text == '-' ? "\\%c" : "%c", *text);
	return buf_text(&out);
}

static void must_hold(const char *page, const char *text)
{
	if (!strstr(page, text))
		fail_msg("serind.8 does not hold %s", text);
}

/* The tests run in the top folder of the source. */
static void the_manual_names_every_option(void **state)
{
	struct err e = ERR_INIT;
	struct str page;

	(void)state;
	if (file_read_at(AT_FDCWD, "board/static/serind.8", 1 << 20, &arena, &page, &e) < 0)
		fail_msg("%s", e.msg);
	for (size_t i = 0; i < option_count; i++) {
		const struct option *o = &option_table[i];
		const char *flag = in_roff(arena_printf(&arena, "--%s", o->flag));

		must_hold(page.p, arena_printf(&arena, "\\fB%s\\fR", flag));
		if (o->letter)
			must_hold(page.p, arena_printf(&arena, "\\fB\\-%c\\fR, \\fB%s\\fR",
						       o->letter, flag));
		if (o->key)
			must_hold(page.p, arena_printf(&arena, "\\fB%s\\fR", in_roff(o->key)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_what_help_says),
		cmocka_unit_test(every_form_of_a_flag_is_read),
		cmocka_unit_test(relative_roots_become_absolute),
		cmocka_unit_test(bad_command_lines_are_refused),
		cmocka_unit_test(the_file_speaks_of_the_same_options),
		cmocka_unit_test(devices_have_two_directories_unless_told),
		cmocka_unit_test(bad_files_are_refused),
		cmocka_unit_test(no_two_options_share_a_name),
		cmocka_unit_test(help_names_every_option),
		cmocka_unit_test(the_manual_names_every_option),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
