/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "runtime/join/private.h"
#include "runtime/spec/spec.h"

#define BUNDLE "{\"process\":{},\"linux\":{\"cgroupsPath\":\"/docker/x\"}}"

static struct join_document doc;
static struct arena memory;
static struct err e;

static int read_both(const char *process, const char *config)
{
	arena_done(&memory);
	arena_open_heap(&memory, 8 << 20);
	err_clear(&e);
	return document_read(str_from(process), str_from(config), JOIN_RUNC, &memory, &doc, &e);
}

static void test_written_by_us(void **state)
{
	static const char *const args[] = {"a", "b c", NULL}, *const env[] = {"A=b", "PATH=/x",
									      NULL};
	static const char *add[] = {"SYS_PTRACE"}, *opts[] = {"no-new-privileges"};
	struct host_config host = {
		.cap_add = {add, 1, true}, .security_opt = {opts, 1, true}, .oom_score_adj = -7};
	struct spec_exec in = {
		.args = args,
		.env = env,
		.cwd = "/w",
		.user = {.uid = 0, .gid = 5, .groups = {5, 7, 9}, .n_groups = 3},
		.tty = true,
		.host = &host,
		.height = 20,
		.width = 300,
	};
	static char text[16384];
	struct buf out;

	(void)state;
	buf_init_fixed(&out, text, sizeof(text) - 1);
	assert_int_equal(spec_write_exec(&in, &out, &e), 0);
	text[out.n] = 0;
	assert_int_equal(read_both(text, BUNDLE), 0);
	assert_string_equal(doc.args[1], "b c");
	assert_null(doc.args[2]);
	assert_string_equal(doc.env[1], "PATH=/x");
	assert_null(doc.env[2]);
	assert_string_equal(doc.cwd, "/w");
	assert_int_equal(doc.gid, 5);
	assert_int_equal(doc.n_groups, 3);
	assert_int_equal(doc.groups[2], 9);
	assert_true(doc.tty && doc.no_new_privs && doc.has_oom && !doc.filtered);
	assert_int_equal(doc.oom_score_adj, -7);
	assert_int_equal(doc.height, 20);
	assert_int_equal(doc.width, 300);
	assert_true(doc.caps[SET_BOUNDING] == (0xa80425fb | 1 << 19));
	assert_true(doc.caps[SET_EFFECTIVE] == doc.caps[SET_BOUNDING]);
	assert_true(doc.caps[SET_PERMITTED] == doc.caps[SET_BOUNDING]);
	assert_true(doc.caps[SET_INHERITABLE] == 0 && doc.caps[SET_AMBIENT] == 0);
	assert_string_equal(doc.cgroups_path, "/docker/x");
}

#define PROCESS(more) "{\"args\":[\"x\"],\"cwd\":\"/\"" more "}"

static void test_limits(void **state)
{
	(void)state;
	assert_int_equal(read_both(PROCESS(",\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":5,"
					   "\"hard\":18446744073709551615}]"),
				   BUNDLE),
			 0);
	assert_int_equal(doc.n_rlimits, 1);
	assert_int_equal(doc.rlimits[0].resource, RLIMIT_NOFILE);
	assert_true(doc.rlimits[0].limit.rlim_cur == 5);
	assert_true(doc.rlimits[0].limit.rlim_max == RLIM_INFINITY);
}

static void test_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{\"args\":[],\"cwd\":\"/\"}",
		"{\"args\":[1],\"cwd\":\"/\"}",
		"{\"args\":[\"x\"],\"cwd\":\"relative\"}",
		"{\"args\":[\"x\"]}",
		PROCESS(",\"env\":[null]"),
		PROCESS(",\"user\":{\"uid\":-1}"),
		PROCESS(",\"user\":{\"gid\":4294967296}"),
		PROCESS(",\"user\":{\"additionalGids\":[\"x\"]}"),
		PROCESS(",\"capabilities\":{\"bounding\":[\"CAP_X\"]}"),
		PROCESS(",\"rlimits\":[{\"type\":\"RLIMIT_X\",\"soft\":1,\"hard\":1}]"),
		PROCESS(",\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":-1,\"hard\":1}]"),
		PROCESS(",\"oomScoreAdj\":1001"),
		PROCESS(",\"consoleSize\":{\"height\":70000}"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (read_both(bad[i], BUNDLE) >= 0 || e.kind == ERR_NOT_IMPLEMENTED)
			fail_msg("%s: %s", bad[i], e.msg);
	}
}

static void test_left_to_the_runtime(void **state)
{
	static const char *const processes[] = {
		PROCESS(",\"apparmorProfile\":\"x\""),
		PROCESS(",\"selinuxLabel\":\"x\""),
		PROCESS(",\"scheduler\":{\"policy\":\"x\"}"),
		PROCESS(",\"ioPriority\":{\"class\":\"x\"}"),
	};
	static const char *const configs[] = {
		"{\"linux\":{}}",
		"{\"linux\":{\"cgroupsPath\":\"system.slice:docker:x\"}}",
		"{\"process\":{\"apparmorProfile\":\"x\"},\"linux\":{\"cgroupsPath\":\"/x\"}}",
		"{\"linux\":{\"cgroupsPath\":\"/x\",\"personality\":{\"domain\":\"LINUX32\"}}}",
		"{\"linux\":{\"cgroupsPath\":\"/x\",\"seccomp\":{\"defaultAction\":\"X\"}}}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(processes); i++) {
		assert_true(read_both(processes[i], BUNDLE) < 0);
		assert_int_equal(e.kind, ERR_NOT_IMPLEMENTED);
	}
	for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
		assert_true(read_both(PROCESS(""), configs[i]) < 0);
		assert_int_equal(e.kind, ERR_NOT_IMPLEMENTED);
	}
	assert_int_equal(read_both(PROCESS(",\"apparmorProfile\":\"\""), BUNDLE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written_by_us),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_left_to_the_runtime),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
