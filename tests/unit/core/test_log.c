/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "firmware/core/log.h"

/* What log_write puts on standard error. */
static const char *captured(enum log_level level, const char *text)
{
	static char out[4096];
	int saved = dup(STDERR_FILENO), pipe_fds[2];
	ssize_t n;

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
	dup2(pipe_fds[1], STDERR_FILENO);
	log_write(level, "%s", text);
	dup2(saved, STDERR_FILENO);
	close(saved);
	n = read(pipe_fds[0], out, sizeof(out) - 1);
	out[n > 0 ? n : 0] = '\0';
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	return out;
}

static void test_line(void **state)
{
	const char *line = captured(LOG_LEVEL_INFO, "API listen on \"x\"\n\x1b[1m \\ \t");

	(void)state;
	assert_memory_equal(line, "time=\"2", 7);
	assert_string_equal(line + 6 + 30,
			    "\" level=info msg=\"API listen on \\\"x\\\"\\n\\x1b[1m \\\\ \\t\"\n");
}

static void test_cut(void **state)
{
	static char text[3000];
	const char *line;

	(void)state;
	for (int fill = 0; fill < 2; fill++) {
		memset(text, fill ? '\n' : 'x', sizeof(text) - 1);
		text[sizeof(text) - 1] = '\0';
		line = captured(LOG_LEVEL_ERROR, text);
		assert_true(strlen(line) <= 1024);
		assert_string_equal(line + strlen(line) - 2, "\"\n");
	}
}

static void test_level(void **state)
{
	enum log_level level = LOG_LEVEL_FATAL;

	(void)state;
	assert_string_equal(captured(LOG_LEVEL_DEBUG, "x"), "");
	log_set_level(LOG_LEVEL_DEBUG);
	assert_non_null(strstr(captured(LOG_LEVEL_DEBUG, "x"), "level=debug"));
	assert_int_equal(log_level_parse("warn", &level), 0);
	assert_int_equal(level, LOG_LEVEL_WARN);
	assert_int_equal(log_level_parse("error", &level), 0);
	assert_int_equal(level, LOG_LEVEL_ERROR);
	assert_int_equal(log_level_parse("loud", &level), -EINVAL);
	log_set_level(level);
	assert_int_equal(log_get_level(), LOG_LEVEL_ERROR);
	assert_string_equal(captured(LOG_LEVEL_WARN, "x"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_level),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
