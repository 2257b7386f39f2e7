/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials of builds under way: who finds what, for how long; and who is whose grandchild.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/finch/credentials.h"

static struct arena arena;

static const char auths[] = "{\"reg.example\":{\"username\":\"u\",\"password\":\"p\"},"
			    "\"b\":{\"auth\":\"x\"}}";

static int look(const char *id, const char *server, struct str *ret)
{
	struct err e = ERR_INIT;

	return finch_credentials_find(str_from(id), str_from(server), &arena, ret, &e);
}

static void a_build_finds_its_own(void **state)
{
	char one[FINCH_BUILD_ID_SIZE], two[FINCH_BUILD_ID_SIZE];
	struct err e = ERR_INIT;
	struct str got = STR("untouched");

	(void)state;
	assert_int_equal(finch_credentials_open(str_from(auths), &arena, one, &e), 0);
	assert_int_equal(finch_credentials_open(STR("{}"), &arena, two, &e), 0);
	assert_int_equal(strlen(one), 64);
	assert_true(str_is_hex(str_from(one)));
	assert_string_not_equal(one, two);
	assert_int_equal(look(one, "REG.example", &got), -ENOENT);
	assert_int_equal(look(two, "reg.example", &got), -ENOENT);
	assert_int_equal(look("", "reg.example", &got), -ENOENT);
	assert_true(str_eqz(got, "untouched"));
	assert_int_equal(look(one, "reg.example", &got), 0);
	assert_true(str_eqz(got, "{\"username\":\"u\",\"password\":\"p\"}"));
	finch_credentials_close(one);
	assert_int_equal(look(one, "reg.example", &got), -ENOENT);
	finch_credentials_close(two);
	finch_credentials_close(two);
	finch_credentials_close("");
}

static void bad_and_too_many_are_refused(void **state)
{
	char id[FINCH_BUILDS_MAX][FINCH_BUILD_ID_SIZE], more[FINCH_BUILD_ID_SIZE];
	struct err e = ERR_INIT;
	char *big = arena_alloc(&arena, FINCH_AUTHS_MAX + 2);

	(void)state;
	assert_int_equal(finch_credentials_open(STR("{"), &arena, more, &e), -EINVAL);
	assert_int_equal(finch_credentials_open(STR("[]"), &arena, more, &e), -EINVAL);
	memset(big, ' ', FINCH_AUTHS_MAX + 1);
	assert_int_equal(finch_credentials_open(str_from(big), &arena, more, &e), -E2BIG);
	for (int i = 0; i < FINCH_BUILDS_MAX; i++)
		assert_int_equal(finch_credentials_open(STR("{}"), &arena, id[i], &e), 0);
	assert_int_equal(finch_credentials_open(STR("{}"), &arena, more, &e), -EAGAIN);
	finch_credentials_close(id[3]);
	assert_int_equal(finch_credentials_open(STR("{}"), &arena, id[3], &e), 0);
	for (int i = 0; i < FINCH_BUILDS_MAX; i++)
		finch_credentials_close(id[i]);
}

static void the_parent_is_read_behind_any_name(void **state)
{
	(void)state;
	assert_int_equal(finch_parse_parent(STR("7 (sh) S 3 7 7")), 3);
	assert_int_equal(finch_parse_parent(STR("7 (a) b) (1 2 3) R 99 7")), 99);
	assert_int_equal(finch_parse_parent(STR("7 (sh) S 0")), 0);
	assert_int_equal(finch_parse_parent(STR("")), -1);
	assert_int_equal(finch_parse_parent(STR("7 (sh)")), -1);
	assert_int_equal(finch_parse_parent(STR("7 (sh) ")), -1);
	assert_int_equal(finch_parse_parent(STR("7 (sh) S")), -1);
	assert_int_equal(finch_parse_parent(STR("7 (sh) SS 3 ")), -1);
	assert_int_equal(finch_parse_parent(STR("7 (sh) S 99999999999 ")), -1);
}

/* The grandchild tells its id through a pipe and waits to be let go. */
static void only_grandchildren_are_let_in(void **state)
{
	struct err e = ERR_INIT;
	int up[2], down[2];
	pid_t child, grandchild;

	(void)state;
	assert_int_equal(pipe(up) | pipe(down), 0);
	child = fork();
	if (child == 0) {
		char byte;

		if (fork() == 0) {
			grandchild = getpid();
			close(down[1]);
			if (write(up[1], &grandchild, sizeof(grandchild)) < 0 ||
			    read(down[0], &byte, 1) < 0)
				_exit(1);
			_exit(0);
		}
		close(down[1]);
		_exit(wait(NULL) < 0);
	}
	close(down[0]);
	assert_int_equal(read(up[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
	assert_int_equal(finch_check_grandchild(grandchild, getpid(), &arena, &e), 0);
	assert_int_equal(finch_check_grandchild(child, getpid(), &arena, &e), -EPERM);
	assert_int_equal(finch_check_grandchild(getpid(), getpid(), &arena, &e), -EPERM);
	assert_int_equal(finch_check_grandchild(0, getpid(), &arena, &e), -EPERM);
	assert_int_equal(finch_check_grandchild(-1, -1, &arena, &e), -EPERM);
	close(down[1]);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(up[0]);
	close(up[1]);
}

static int set_up(void **state)
{
	(void)state;
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
		cmocka_unit_test(a_build_finds_its_own),
		cmocka_unit_test(bad_and_too_many_are_refused),
		cmocka_unit_test(the_parent_is_read_behind_any_name),
		cmocka_unit_test(only_grandchildren_are_let_in),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
