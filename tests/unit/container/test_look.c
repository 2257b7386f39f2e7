/* SPDX-License-Identifier: Apache-2.0 */
/* What is read off ps, /proc/<pid>/stat and /proc/<pid>/net/dev. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>
#include <string.h>

#include "runtime/container/net_dev.h"
#include "runtime/container/top_parse.h"
#include "runtime/container/top_proc.h"

static struct arena mem;

static int set_up(void **state)
{
	(void)state;
	arena_open_heap(&mem, 1 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_done(&mem);
	return 0;
}

static const pid_t pids[] = {7, 12, 300};

static struct top parse(const char *text)
{
	struct err e = ERR_INIT;
	struct top top = {0};

	assert_int_equal(top_parse(str_from(text), pids, 3, &mem, &top, &e), 0);
	return top;
}

static void columns(void **state)
{
	struct top t = parse("UID   PID CMD\n"
			     "root    7 sh -c  sleep 1\n"
			     "root    8 other\n"
			     "\n"
			     "web   300 x\n");

	(void)state;
	assert_int_equal(t.titles.n, 3);
	assert_string_equal(t.titles.items[2], "CMD");
	assert_int_equal(t.n, 2);
	assert_int_equal(t.rows[0].n, 3);
	assert_string_equal(t.rows[0].items[2], "sh -c sleep 1");
	assert_string_equal(t.rows[1].items[0], "web");
}

static void threads(void **state)
{
	struct top t = parse("PID LWP CMD\n7 - a\n- 7 -\n- 9 -\n8 - b\n- 8 -\n");

	(void)state;
	assert_int_equal(t.n, 3);
	assert_string_equal(t.rows[2].items[1], "9");
}

static void one_column(void **state)
{
	struct top t = parse("  PID\n    7\n   12\n   13");

	(void)state;
	assert_int_equal(t.n, 2);
	assert_string_equal(t.rows[1].items[0], "12");
}

static void bad_output(void **state)
{
	struct err e = ERR_INIT;
	struct top t;

	(void)state;
	assert_true(top_parse(STR("UID CMD\nroot x\n"), pids, 3, &mem, &t, &e) < 0);
	assert_string_equal(e.msg, "Couldn't find PID field in ps output");
	assert_true(top_parse(STR(""), pids, 3, &mem, &t, &e) < 0);
	assert_true(top_parse(STR("PID CMD\nx y\n"), pids, 3, &mem, &t, &e) < 0);
	assert_string_equal(e.msg, "Unexpected pid 'x'");
}

static void arguments(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(top_check_args("-ef", &e), 0);
	assert_int_equal(top_check_args("-o pid,cmd", &e), 0);
	assert_int_equal(top_check_args("-o pid=PID -o x=Y", &e), 0);
	assert_true(top_check_args("-o ppid=PID", &e) < 0);
	assert_string_equal(e.msg, "specifying \"ppid=PID\" is not allowed");
}

static void process_numbers(void **state)
{
	struct proc_stat s;

	(void)state;
	assert_true(
		proc_stat_parse(STR("7 (a) b (c)) S 1 7 6 34816 7 4194560 1 2 3 4 150 50 0 0 20 5 "
				    "3 0 1234 4096000 77 18446744073709551615 1 1\n"),
				&s));
	assert_int_equal(s.state, 'S');
	assert_int_equal(s.ppid, 1);
	assert_int_equal(s.session, 6);
	assert_int_equal(s.tty, 34816);
	assert_int_equal(s.utime, 150);
	assert_int_equal(s.nice, 5);
	assert_int_equal(s.threads, 3);
	assert_int_equal(s.start, 1234);
	assert_int_equal(s.rss, 77);
	assert_false(proc_stat_parse(STR(""), &s));
	assert_false(proc_stat_parse(STR("7 (a)"), &s));
	assert_false(proc_stat_parse(STR("7 (a) S 1 2"), &s));
}

static void links(void **state)
{
	static const char text[] =
		"Inter-|   Receive                  |  Transmit\n"
		" face |bytes    packets errs drop fifo frame compressed multicast|bytes …\n"
		"    lo:  10 1 0 0 0 0 0 0 10 1 0 0 0 0 0 0\n"
		"  eth0: 100   2    3 4 0 0 0 0 500 6 7 8 0 0 0 0\n"
		"eth1:1 2 3 4 5 6 7 8 9 10 11 12\n"
		"broken: 1 2\n";
	struct net_counters *list;
	size_t n;

	(void)state;
	assert_int_equal(net_dev_parse(str_from(text), &mem, &list, &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(list[0].name, "eth0");
	assert_int_equal(list[0].rx_bytes, 100);
	assert_int_equal(list[0].rx_dropped, 4);
	assert_int_equal(list[0].tx_bytes, 500);
	assert_int_equal(list[0].tx_dropped, 8);
	assert_int_equal(list[1].tx_packets, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(columns, set_up, tear_down),
		cmocka_unit_test_setup_teardown(threads, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_column, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bad_output, set_up, tear_down),
		cmocka_unit_test(arguments),
		cmocka_unit_test(process_numbers),
		cmocka_unit_test_setup_teardown(links, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
