/* SPDX-License-Identifier: Apache-2.0 */
/* What is read off ps, /proc/<pid>/stat and /proc/<pid>/net/dev. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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
	assert_int_equal(s.flags, 4194560);
	assert_int_equal(s.minor_faults, 1);
	assert_int_equal(s.priority, 20);
	assert_int_equal(s.policy, 0);
	assert_true(proc_stat_parse(STR("8 (x) R 1 7 6 0 -1 64 1 2 3 4 150 50 0 0 -51 0 3 0 1234 "
					"4096000 77 18446744073709551615 "
					"1 1 140724000000000 0 0 0 0 0 0 0 0 0 17 1 50 1 0 0 0\n"),
				    &s));
	assert_int_equal(s.processor, 1);
	assert_int_equal(s.rt_priority, 50);
	assert_int_equal(s.policy, 1);
	assert_false(proc_stat_parse(STR(""), &s));
	assert_false(proc_stat_parse(STR("7 (a)"), &s));
	assert_false(proc_stat_parse(STR("7 (a) S 1 2"), &s));
}

static void process_ids(void **state)
{
	static const char text[] = "Name:\tx\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t4294967295\t8\n";
	unsigned ids[TOP_IDS];

	(void)state;
	assert_true(proc_ids_parse(str_from(text), "Uid:", ids));
	assert_int_equal(ids[TOP_REAL], 1);
	assert_int_equal(ids[TOP_EFFECTIVE], 2);
	assert_int_equal(ids[TOP_SAVED], 3);
	assert_true(proc_ids_parse(str_from(text), "Gid:", ids));
	assert_int_equal(ids[TOP_SAVED], 4294967295u);
	assert_false(proc_ids_parse(STR("Uid:\t1\t2\n"), "Uid:", ids));
	assert_false(proc_ids_parse(STR("Uid:\t1\t2\t4294967296\n"), "Uid:", ids));
	assert_false(proc_ids_parse(STR(""), "Uid:", ids));
}

/* The titles that arguments lead to, joined by blanks. */
static const char *titles(const char *args)
{
	struct top_format f;
	struct buf text;
	struct err e = {0};

	assert_int_equal(top_format_parse(args, &mem, &f, &e), 0);
	buf_init(&text, &mem, 1024);
	for (size_t i = 0; i < f.n; i++)
		buf_printf(&text, "%s%s", i ? " " : "", f.fields[i].title);
	return buf_text(&text);
}

static void formats(void **state)
{
	static const char ef[] = "UID PID PPID C STIME TTY TIME CMD";
	static const char aux[] = "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND";
	static const char *const same[][2] = {
		{"", ef},
		{"-ef", ef},
		{"-e -f -ww", ef},
		{"aux", aux},
		{"-aux", aux},
		{"a u  x w", aux},
		{"-e", "PID TTY TIME CMD"},
		{"ax", "PID TTY STAT TIME COMMAND"},
		{"-F", "UID PID PPID C SZ RSS PSR STIME TTY TIME CMD"},
		{"-l", "F S UID PID PPID C PRI NI ADDR SZ WCHAN TTY TIME CMD"},
		{"-ly", "S UID PID PPID C PRI NI RSS SZ WCHAN TTY TIME CMD"},
		{"-efl", "F S UID PID PPID C PRI NI ADDR SZ WCHAN STIME TTY TIME CMD"},
		{"-lF", "F S UID PID PPID C PRI NI ADDR SZ WCHAN RSS PSR STIME TTY TIME CMD"},
		{"-lyF", "S UID PID PPID C PRI NI RSS SZ WCHAN PSR STIME TTY TIME CMD"},
		{"-fj", "UID PID PPID PGID SID C STIME TTY TIME CMD"},
		{"-j", "PID PGID SID TTY TIME CMD"},
		{"axl", "F UID PID PPID PRI NI VSZ RSS WCHAN STAT TTY TIME COMMAND"},
		{"axj", "PPID PID PGID SID TTY TPGID STAT UID TIME COMMAND"},
		{"-o pid,comm", "PID COMMAND"},
		{"-opid", "PID"},
		{"-eo pid -o ppid,user=WHO", "PID PPID WHO"},
		{"axo pid,%cpu,rss", "PID %CPU RSS"},
		{"o pid,comm=", "PID "},
		{"-ef -o pid", "PID"},
		{"--format pid,tty", "PID TT"},
		{"--format=pid=PID", "PID"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(same); i++)
		assert_string_equal(titles(same[i][0]), same[i][1]);
}

static void bad_formats(void **state)
{
	static const struct {
		const char *args;
		enum err_kind kind;
		const char *words;
	} bad[] = {
		{"-o comm", ERR_SYSTEM, "Couldn't find PID field in ps output"},
		{"-o pid=X", ERR_SYSTEM, "Couldn't find PID field in ps output"},
		{"-o pid,nope", ERR_INVALID, "unknown user-defined format specifier \"nope\""},
		{"-o pid,,comm", ERR_INVALID, "improper format list"},
		{"-o pid,", ERR_INVALID, "improper format list"},
		{"-o ,", ERR_INVALID, "improper format list"},
		{"-eo", ERR_INVALID, "improper format list"},
		{"-o", ERR_INVALID, "improper format list"},
		{"u -o pid", ERR_INVALID, "conflicting format options"},
		{"-l o pid", ERR_INVALID, "conflicting format options"},
		{"ul", ERR_INVALID, "conflicting format options"},
		{"-f u", ERR_INVALID, "conflicting format options"},
		{"-y", ERR_INVALID, "-y without format -l"},
		{"-L", ERR_NOT_IMPLEMENTED, "does not know \"-L\""},
		{"-u", ERR_NOT_IMPLEMENTED, "does not know \"-u\""},
		{"axf", ERR_NOT_IMPLEMENTED, "does not know \"axf\""},
		{"-", ERR_NOT_IMPLEMENTED, "does not know \"-\""},
		{"--forest", ERR_NOT_IMPLEMENTED, "does not know \"--forest\""},
		{"-ef\t-l", ERR_NOT_IMPLEMENTED, "does not know"},
		{"1", ERR_NOT_IMPLEMENTED, "does not know \"1\""},
	};
	struct top_format f;
	char many[4 * (TOP_FIELDS_MAX + 1) + 4] = "-o";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = {0};

		assert_true(top_format_parse(bad[i].args, &mem, &f, &e) < 0);
		assert_int_equal(e.kind, bad[i].kind);
		assert_non_null(strstr(e.msg, bad[i].words));
	}
	for (size_t i = 0; i <= TOP_FIELDS_MAX; i++)
		strcat(many, i ? ",pid" : "pid");
	assert_true(top_format_parse(many, &mem, &f, &(struct err){0}) < 0);
}

/* This very process, as /proc has it. */
static void own_row(void **state)
{
	static const char args[] =
		"-o pid,ppid,user,uid,gid,group,comm,args,stat,s,f,pri,opri,priority,ni,nlwp,psr,"
		"wchan,cls,rtprio,vsz,rss,sz,pcpu,%mem,c,cp,time,times,bsdtime,etime,etimes,stime,"
		"start,lstart,bsdstart,tty,tpgid,pgid,sid,ruser,suser,rgroup,sgid,min_flt,maj_flt,"
		"addr";
	pid_t own[2] = {getpid(), 0x3fffffff};
	struct top_format f;
	struct err e = {0};
	struct top top;
	char number[16];

	(void)state;
	assert_int_equal(top_format_parse(args, &mem, &f, &e), 0);
	assert_int_equal(top_from_proc(&f, own, 2, &mem, &top, &e), 0);
	assert_int_equal(top.n, 1);
	assert_int_equal(top.rows[0].n, top.titles.n);
	snprintf(number, sizeof(number), "%d", (int)getpid());
	assert_string_equal(top.rows[0].items[0], number);
	snprintf(number, sizeof(number), "%d", (int)getppid());
	assert_string_equal(top.rows[0].items[1], number);
	snprintf(number, sizeof(number), "%u", (unsigned)geteuid());
	assert_string_equal(top.rows[0].items[3], number);
	assert_string_equal(top.rows[0].items[6], "test_look");
	for (size_t i = 0; i < top.titles.n; i++)
		assert_true(top.rows[0].items[i][0]);
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
		cmocka_unit_test(process_ids),
		cmocka_unit_test_setup_teardown(formats, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bad_formats, set_up, tear_down),
		cmocka_unit_test_setup_teardown(own_row, set_up, tear_down),
		cmocka_unit_test_setup_teardown(links, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
