/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finch Daemon's flags and configuration keys, and what they become.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/main/finch.h"
#include "firmware/core/log.h"
#include "firmware/net/socket.h"

/* --- what stands outside --- */

int listener_check(const char *host, struct err *e)
{
	(void)host;
	(void)e;
	return 0;
}

int listener_check_tcp(const char *address, struct err *e)
{
	(void)address;
	(void)e;
	return 0;
}

/* --- */

static struct arena arena;

static int flags_of(const char *line, struct finch_options *ret, struct err *e)
{
	char *argv[32], *words = arena_strdup(&arena, line), *save = NULL;
	int argc = 0;

	*e = (struct err)ERR_INIT;
	for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	return finch_read_flags(argc, argv, &arena, ret, e);
}

static struct finch_options flags(const char *line)
{
	struct finch_options opt;
	struct err e;

	if (flags_of(line, &opt, &e) < 0)
		fail_msg("%s: %s", line, e.msg);
	return opt;
}

static void defaults_are_finchs(void **state)
{
	struct finch_options f = flags("");

	(void)state;
	assert_string_equal(f.socket_addr, "/run/finch.sock");
	assert_string_equal(f.credential_addr, "/run/finch-credential.sock");
	assert_string_equal(f.config_file, "/etc/finch/finch.toml");
	assert_string_equal(f.pidfile, "/run/finch.pid");
	assert_int_equal(f.socket_owner, -1);
	assert_int_equal(f.credential_owner, 0);
	assert_false(f.debug || f.experimental || f.skip_rego_check || f.config_given);
	assert_string_equal(f.rego_file, "");
	assert_string_equal(f.debug_addr, "");
}

static void every_flag_is_read(void **state)
{
	struct finch_options f = flags(
		"--socket-addr /a --credential-socket-addr=/b --socket-owner=501 "
		"--credential-socket-owner -1 --debug --debug-addr=:1 --config-file /c "
		"--pidfile= --rego-file /r.rego --skip-rego-perm-check=true --experimental=T");

	(void)state;
	assert_string_equal(f.socket_addr, "/a");
	assert_string_equal(f.credential_addr, "/b");
	assert_int_equal(f.socket_owner, 501);
	assert_int_equal(f.credential_owner, -1);
	assert_string_equal(f.debug_addr, ":1");
	assert_string_equal(f.config_file, "/c");
	assert_string_equal(f.pidfile, "");
	assert_string_equal(f.rego_file, "/r.rego");
	assert_true(f.debug && f.skip_rego_check && f.experimental && f.config_given);
	assert_false(flags("--debug=false").debug);
	assert_true(flags("-v").version);
	assert_true(flags("-h").help);
	assert_true(flags("stray --debug").debug);
	assert_false(flags("-- --debug").debug);
}

static void bad_flags_are_refused_in_pflags_words(void **state)
{
	static const struct {
		const char *line, *message;
	} examples[] = {
		{"--nope", "unknown flag: --nope"},
		{"--nope=3", "unknown flag: --nope"},
		{"-x", "unknown shorthand flag: 'x' in -x"},
		{"-vx", "unknown shorthand flag: 'v' in -vx"},
		{"--socket-addr", "flag needs an argument: --socket-addr"},
		{"--socket-owner x",
		 "invalid argument \"x\" for \"--socket-owner\" flag: strconv.ParseInt: parsing "
		 "\"x\": invalid syntax"},
		{"--socket-owner 99999999999", "invalid argument"},
		{"--socket-owner 4294967295", "invalid argument"},
		{"--debug=maybe",
		 "invalid argument \"maybe\" for \"--debug\" flag: strconv.ParseBool"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		struct finch_options opt;
		struct err e;

		if (flags_of(examples[i].line, &opt, &e) == 0)
			fail_msg("%s is taken", examples[i].line);
		if (!strstr(e.msg, examples[i].message))
			fail_msg("\"%s\" does not say \"%s\"", e.msg, examples[i].message);
	}
}

static void options_follow_from_flags(void **state)
{
	static struct finch_options f;
	struct daemon_options opt = {0};
	struct err e = ERR_INIT;

	(void)state;
	f = flags("--config-file /not/here.toml --socket-addr /x.sock --pidfile= --debug");
	assert_int_equal(finch_fill_options(&f, &arena, &opt, &e), 0);
	assert_int_equal(opt.hosts.n, 1);
	assert_string_equal(opt.hosts.items[0], "unix:///x.sock");
	assert_string_equal(opt.pidfile, "");
	assert_string_equal(opt.group, "");
	assert_true(opt.debug);
	assert_ptr_equal(opt.finch, &f);
	assert_string_equal(opt.engine.data_root, "/var/lib/nerdctl/serin");
	log_set_level(LOG_LEVEL_ERROR);

	f = flags("--config-file /not/here.toml --socket-addr fd://");
	opt = (struct daemon_options){0};
	assert_int_equal(finch_fill_options(&f, &arena, &opt, &e), 0);
	assert_string_equal(opt.hosts.items[0], "fd://");

	f = flags("--config-file /not/here.toml --socket-addr fd:// --socket-owner 3");
	opt = (struct daemon_options){0};
	assert_int_equal(finch_fill_options(&f, &arena, &opt, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "socket-owner is not supported while using socket "
				      "activation using fd://"));
}

static void keys_of_the_file_are_mapped(void **state)
{
	struct daemon_options opt = {0};
	struct err e = ERR_INIT;
	const char *text = "debug = true\ndebug_full = false\naddress = \"/run/c.sock\"\n"
			   "namespace = \"finch\"\nsnapshotter = \"overlayfs\"\n"
			   "cni_path = \"/a\"\ncni_netconfpath = \"/b\"\n"
			   "data_root = \"/data\"\ncgroup_manager = \"systemd\"\n"
			   "insecure_registry = true\nhosts_dir = [\"/not/here\", \"/etc\"]\n"
			   "experimental = true\nhost_gateway_ip = \"1.2.3.4\"\n"
			   "bridge_ip = \"10.1.100.1/24\"\nkube_hide_dupe = true\n"
			   "cdi_spec_dirs = []\nuserns_remap = \"\"\n"
			   "dns = [\"1.1.1.1\", \"::1\"]\ndns_opts = [\"rotate\"]\n"
			   "dns_search = [\"example\"]\n";

	(void)state;
	if (finch_read_config(str_from(text), &arena, &opt, &e) < 0)
		fail_msg("%s", e.msg);
	assert_true(opt.debug);
	assert_string_equal(opt.engine.data_root, "/data/serin");
	assert_string_equal(opt.engine.storage_driver, "overlay2");
	assert_string_equal(opt.engine.bip, "10.1.100.1/24");
	assert_string_equal(opt.engine.certs_dir, "/etc");
	assert_string_equal(opt.engine.insecure_registries.items[0], "*");
	assert_int_equal(opt.engine.dns.n, 2);
	assert_string_equal(opt.engine.dns_opts.items[0], "rotate");
	assert_string_equal(opt.engine.dns_search.items[0], "example");
}

static void bad_files_are_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} examples[] = {
		{"nope = 1", "line 1: unknown key nope"},
		{"\n[debug]\nx = 1", "line 3: unknown key debug.x"},
		{"debug = 1", "debug must be true or false"},
		{"dns = \"1.1.1.1\"", "dns must be an array of strings"},
		{"data_root = true", "data_root must be a string"},
		{"cgroup_manager = \"x\"", "unknown cgroup_manager \"x\""},
		{"debug", "line 1: = is missing"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		struct daemon_options opt = {0};
		struct err e = ERR_INIT;

		if (finch_read_config(str_from(examples[i].text), &arena, &opt, &e) == 0)
			fail_msg("%s is taken", examples[i].text);
		if (!strstr(e.msg, examples[i].message))
			fail_msg("\"%s\" does not say \"%s\"", e.msg, examples[i].message);
	}
}

static void help_names_every_flag(void **state)
{
	static const char *const names[] = {
		"--socket-addr string",
		"--credential-socket-addr string",
		"--socket-owner int",
		"--credential-socket-owner int",
		"--debug ",
		"--debug-addr string",
		"--config-file string",
		"--pidfile string",
		"--rego-file string",
		"--skip-rego-perm-check",
		"--experimental",
		"-v, --version",
	};
	struct buf out;

	(void)state;
	buf_init(&out, &arena, 1 << 16);
	finch_help(&out);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_non_null(strstr(buf_text(&out), names[i]));
}

static int set_up(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	arena_open_heap(&arena, 16 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_finchs),
		cmocka_unit_test(every_flag_is_read),
		cmocka_unit_test(bad_flags_are_refused_in_pflags_words),
		cmocka_unit_test(options_follow_from_flags),
		cmocka_unit_test(keys_of_the_file_are_mapped),
		cmocka_unit_test(bad_files_are_refused),
		cmocka_unit_test(help_names_every_flag),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
