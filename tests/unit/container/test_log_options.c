/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "firmware/core/config.h"
#include "runtime/container/log_address.h"
#include "runtime/container/log_options.h"

static struct err e;

/* options: "key=value key=value" */
static int read_options(const char *driver, const char *options, struct log_options *ret)
{
	static char text[512];
	struct text_pair pairs[16];
	struct text_map map = {pairs, 0, true};

	e = (struct err)ERR_INIT;
	assert_true(str_copy(text, sizeof(text), str_from(options)));
	for (char *p = text; *p;) {
		char *eq = strchr(p, '='), *end = strchr(p, ';');

		*eq = 0;
		if (end)
			*end = 0;
		pairs[map.n++] = (struct text_pair){p, eq + 1};
		p = end ? end + 1 : eq + 1 + strlen(eq + 1);
	}
	return log_options_read(driver, &map, ret, &e);
}

static void refused(const char *driver, const char *options, const char *message)
{
	assert_true(read_options(driver, options, NULL) < 0);
	assert_string_equal(e.msg, message);
	assert_int_equal(e.kind, ERR_INVALID);
}

static void sizes(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes;
	} examples[] = {
		{"max-size=1", 1},	     {"max-size=10b", 10},
		{"max-size=10k", 10000},     {"max-size=10K", 10000},
		{"max-size=10kb", 10000},    {"max-size=10KiB", 10000},
		{"max-size=10 k", 10000},    {"max-size=1.5m", 1500000},
		{"max-size=2g", 2000000000}, {"max-size=1t", 1000000000000},
	};
	static const char *const bad[] = {"max-size=",	    "max-size=0",
					  "max-size=-1",    "max-size=m",
					  "max-size=1x",    "max-size=1mm",
					  "max-size=1k ib", "max-size=1bb",
					  "max-size=1.2.3", "max-size=9999999999999999p"};
	struct log_options o;

	(void)state;
	if (!CONFIG(LOG_JSON))
		skip();
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		assert_int_equal(read_options("json-file", examples[i].text, &o), 0);
		assert_true(o.max_size == examples[i].bytes);
		assert_int_equal(o.max_file, 1);
		assert_int_equal(o.store, LOG_STORE_JSON);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (read_options("json-file", bad[i], &o) == 0)
			fail_msg("%s is taken for a size", bad[i]);
	refused("json-file", "max-size=abc", "invalid size: 'abc'");
	refused("json-file", "max-size=1x", "invalid suffix: 'x'");
	refused("json-file", "max-size=0", "max-size must be a positive number");
}

static void json_file(void **state)
{
	struct log_options o;

	(void)state;
	if (!CONFIG(LOG_JSON))
		skip();
	assert_int_equal(read_options("json-file",
				      "max-size=10m;max-file=3;tag=x;labels=a;"
				      "labels-regex=b;env=c;env-regex=d",
				      &o),
			 0);
	assert_int_equal(o.max_file, 3);
	refused("json-file", "max-file=0", "max-file cannot be less than 1");
	refused("json-file", "max-file=many", "strconv.Atoi: parsing \"many\": invalid syntax");
	refused("json-file", "x=1", "unknown log opt 'x' for json-file log driver");
	refused("json-file", "compress=perhaps",
		"strconv.ParseBool: parsing \"perhaps\": invalid syntax");
	if (!CONFIG(LOG_COMPRESS))
		skip();
	refused("json-file", "compress=true;max-size=1m",
		"compress cannot be true when max-file is less than 2 or max-size is not set");
	refused("json-file", "compress=true;max-file=3",
		"compress cannot be true when max-file is less than 2 or max-size is not set");
	assert_int_equal(read_options("json-file", "compress=T;max-file=2;max-size=1k", &o), 0);
	assert_true(o.compress);
	assert_int_equal(read_options("json-file", "compress=0", &o), 0);
	assert_false(o.compress);
}

static void local(void **state)
{
	struct log_options o;

	(void)state;
	if (!CONFIG(LOG_LOCAL))
		skip();
	assert_int_equal(read_options("local", "", &o), 0);
	assert_int_equal(o.max_size, 20000000);
	assert_int_equal(o.max_file, 5);
	assert_int_equal(o.compress, CONFIG(LOG_COMPRESS));
	assert_int_equal(o.store, LOG_STORE_LOCAL);
	refused("local", "nope=1", "unknown log opt 'nope' for log driver local");
	if (CONFIG(LOG_COMPRESS))
		refused("local", "max-file=1",
			"compression cannot be enabled when max file count is 1");
	assert_int_equal(read_options("local", "max-file=1;compress=false", &o), 0);
}

static void modes(void **state)
{
	struct log_options o;

	(void)state;
	if (!CONFIG(LOG_JSON))
		skip();
	assert_int_equal(read_options("json-file", "mode=blocking", &o), 0);
	assert_int_equal(read_options("json-file", "mode=non-blocking;max-buffer-size=4k", &o), 0);
	assert_true(o.non_blocking);
	assert_int_equal(o.buffer_size, 4096);
	refused("json-file", "mode=fast", "logger: logging mode not supported: fast");
	refused("json-file", "max-buffer-size=4k",
		"logger: max-buffer-size option is only supported with 'mode=non-blocking'");
	refused("json-file", "mode=non-blocking;max-buffer-size=x",
		"error parsing option max-buffer-size: invalid size: 'x'");
	refused("json-file", "cache-disabled=x", "invalid value for option cache-disabled: x");
}

static void servers(void **state)
{
	struct log_options o;

	(void)state;
	if (!CONFIG(LOG_SYSLOG) || !CONFIG(LOG_JOURNALD) || !CONFIG(LOG_LOCAL))
		skip();
	assert_int_equal(read_options("journald", "tag=x;cache-max-size=1m;cache-max-file=3", &o),
			 0);
	assert_int_equal(o.store, LOG_STORE_CACHE);
	assert_int_equal(o.max_size, 1000000);
	assert_int_equal(o.max_file, 3);
	assert_int_equal(read_options("journald", "cache-disabled=true", &o), 0);
	assert_int_equal(o.store, LOG_STORE_NONE);
	assert_int_equal(o.server, LOG_SERVER_JOURNALD);
	refused("journald", "max-size=1m", "unknown log opt 'max-size' for journald log driver");
	assert_int_equal(read_options("syslog",
				      "syslog-address=udp://1.2.3.4:99;"
				      "syslog-facility=local7;syslog-format=rfc5424",
				      &o),
			 0);
	refused("syslog", "syslog-facility=24", "invalid syslog facility");
	refused("syslog", "syslog-format=rfc1", "invalid syslog format");
	refused("syslog", "syslog-address=http://x", "unsupported scheme: 'http'");
	refused("syslog", "syslog-address=unix:///not/here",
		"stat /not/here: no such file or directory");
	refused("syslog", "compress=true", "unknown log opt 'compress' for syslog log driver");
}

static void what_is_unknown_is_refused(void **state)
{
	const char *names[LOG_DRIVERS_MAX];
	size_t n = log_drivers_list(names);

	(void)state;
	refused("nosuch", "", "logger: no log driver named 'nosuch' is registered");
	assert_int_equal(read_options("none", "what=ever", NULL), 0);
	assert_int_equal(n, CONFIG(LOG_JSON) + CONFIG(LOG_LOCAL) + CONFIG(LOG_JOURNALD) +
				    CONFIG(LOG_SYSLOG));
	for (size_t i = 0; i + 1 < n; i++)
		assert_true(strcmp(names[i], names[i + 1]) < 0);
	if (CONFIG(LOG_SYSLOG))
		return;
	assert_true(read_options("syslog", "", NULL) < 0);
	assert_int_equal(e.kind, ERR_NOT_IMPLEMENTED);
	assert_string_equal(e.msg, "logger: no log driver named 'syslog' is registered: it is not "
				   "built in (CONFIG_LOG_SYSLOG)");
}

static void addresses(void **state)
{
	static const struct {
		const char *text, *host;
		enum log_scheme scheme;
		uint16_t port;
	} good[] = {
		{"", "", LOG_SCHEME_LOCAL, 0},
		{"udp://host", "host", LOG_SCHEME_UDP, 514},
		{"tcp://host:0", "host", LOG_SCHEME_TCP, 0},
		{"tcp://host:65535/path", "host", LOG_SCHEME_TCP, 65535},
		{"tcp+tls://[::1]:6514", "::1", LOG_SCHEME_TLS, 6514},
		{"udp://[fe80::1]", "fe80::1", LOG_SCHEME_UDP, 514},
		{"unixgram:///dev/null", "/dev/null", LOG_SCHEME_UNIXGRAM, 0},
	};
	static const char *const bad[] = {"host",	   "tcp://a:b",	 "tcp://a:70000",
					  "tcp://::1:514", "udp://[::1", "udp://[::1]x",
					  "unix://",	   "tls://host", "//x"};
	struct log_address a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(log_address_parse(good[i].text, &a, &e), 0);
		assert_string_equal(a.host, good[i].host);
		assert_int_equal(a.scheme, good[i].scheme);
		assert_int_equal(a.port, good[i].port);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (log_address_parse(bad[i], &a, &e) == 0)
			fail_msg("%s is taken for an address", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),     cmocka_unit_test(json_file),
		cmocka_unit_test(local),     cmocka_unit_test(modes),
		cmocka_unit_test(servers),   cmocka_unit_test(what_is_unknown_is_refused),
		cmocka_unit_test(addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
