/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/container/log_options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/core/config.h"
#include "firmware/core/str.h"
#include "runtime/container/log_address.h"
#include "runtime/shim/log_syslog.h"

struct log_driver {
	const char *name;
	bool built_in;
	const char *symbol;
	enum log_store store;
	enum log_server server;
	const char *const *keys;
	int (*read)(const struct text_map *options, struct log_options *o, struct err *e);
};

static bool is_set(const char *s)
{
	return s && *s;
}

/* "1.5g", "10 kb", "10KiB", "10". step: 1000 or 1024. */
static int parse_size(const char *text, double step, int64_t *ret, struct err *e)
{
	static const char units[] = "bkmgtp";
	size_t n = strspn(text, "0123456789.");
	const char *suffix = text + n + (text[n] == ' '), *unit = units;
	char number[32];
	double v;
	char *end;

	if (!n || !str_copy(number, sizeof(number), str_span(text, n)))
		return err_set(e, ERR_INVALID, "invalid size: '%s'", text);
	v = strtod(number, &end);
	if (*end)
		return err_set(e, ERR_INVALID, "invalid size: '%s'", text);
	if (*suffix) {
		unit = strchr(units, suffix[0] | 0x20);
		suffix++;
		if (!unit || (*suffix && (unit == units || (!str_ieqz(str_from(suffix), "b") &&
							    !str_ieqz(str_from(suffix), "ib")))))
			return err_set(e, ERR_INVALID, "invalid suffix: '%s'", suffix - 1);
	}
	for (; unit > units; unit--)
		v *= step;
	if (!(v < 9e18))
		return err_set(e, ERR_INVALID, "invalid size: '%s'", text);
	*ret = (int64_t)v;
	return 0;
}

/* As Go's strconv.ParseBool. */
static int parse_bool(const char *text, bool *ret)
{
	static const char *const words[] = {"1", "t", "T", "true",  "TRUE",  "True",
					    "0", "f", "F", "false", "FALSE", "False"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (!strcmp(text, words[i])) {
			*ret = i < ARRAY_LEN(words) / 2;
			return 0;
		}
	}
	return -EINVAL;
}

/* Options may have a prefix: those of the cache are those of local. */
static int read_files(const struct text_map *options, const char *prefix, double step,
		      struct log_options *o, struct err *e)
{
	char key[32];
	const char *v;

	text_format(key, sizeof(key), "%smax-size", prefix);
	v = text_map_get(options, key);
	if (v && parse_size(v, step, &o->max_size, e) < 0)
		return err_code(e);
	if (v && o->max_size <= 0)
		return err_set(e, ERR_INVALID, "%s must be a positive number", key);
	text_format(key, sizeof(key), "%smax-file", prefix);
	v = text_map_get(options, key);
	if (v && str_to_i64(str_from(v), &o->max_file) < 0)
		return err_set(e, ERR_INVALID, "strconv.Atoi: parsing \"%s\": invalid syntax", v);
	if (v && o->max_file < 1)
		return err_set(e, ERR_INVALID, "%s cannot be less than 1", key);
	text_format(key, sizeof(key), "%scompress", prefix);
	v = text_map_get(options, key);
	if (v && parse_bool(v, &o->compress) < 0)
		return err_set(e, ERR_INVALID, "strconv.ParseBool: parsing \"%s\": invalid syntax",
			       v);
	if (v && o->compress && !CONFIG(LOG_COMPRESS))
		return err_set(e, ERR_NOT_IMPLEMENTED,
			       "compressing logs is not built in (CONFIG_LOG_COMPRESS)");
	o->compress = o->compress && CONFIG(LOG_COMPRESS);
	return 0;
}

static int read_json(const struct text_map *options, struct log_options *o, struct err *e)
{
	if (read_files(options, "", 1000, o, e) < 0)
		return err_code(e);
	if (o->compress && (o->max_file < 2 || !o->max_size))
		return err_set(e, ERR_INVALID,
			       "compress cannot be true when max-file is less than 2 or max-size "
			       "is not set");
	return 0;
}

static int read_local_as(const struct text_map *options, const char *prefix, struct log_options *o,
			 struct err *e)
{
	o->max_size = LOG_FILE_MAX_SIZE;
	o->max_file = LOG_FILE_MAX_FILES;
	o->compress = CONFIG(LOG_COMPRESS);
	if (read_files(options, prefix, 1000, o, e) < 0)
		return err_code(e);
	if (o->compress && o->max_file < 2)
		return err_set(e, ERR_INVALID,
			       "compression cannot be enabled when max file count is 1");
	return 0;
}

static int read_local(const struct text_map *options, struct log_options *o, struct err *e)
{
	return read_local_as(options, "", o, e);
}

static int read_syslog(const struct text_map *options, struct log_options *o, struct err *e)
{
	struct log_address address;

	(void)o;
	if (log_address_parse(text_map_get(options, "syslog-address"), &address, e) < 0)
		return err_code(e);
	if (address.scheme == LOG_SCHEME_TLS && !CONFIG(TLS))
		return err_set(e, ERR_NOT_IMPLEMENTED, "TLS is not built in (CONFIG_TLS)");
	if (log_syslog_facility(text_map_get(options, "syslog-facility")) < 0)
		return err_set(e, ERR_INVALID, "invalid syslog facility");
	if (log_syslog_format(text_map_get(options, "syslog-format")) < 0)
		return err_set(e, ERR_INVALID, "invalid syslog format");
	return 0;
}

#define ATTRIBUTE_KEYS "labels", "labels-regex", "env", "env-regex", "tag"
static const char *const file_keys[] = {"max-size", "max-file", "compress", ATTRIBUTE_KEYS, NULL};
static const char *const journald_keys[] = {ATTRIBUTE_KEYS, NULL};
static const char *const syslog_keys[] = {
	ATTRIBUTE_KEYS,		  "syslog-address",	"syslog-facility",
	"syslog-format",	  "syslog-tls-cert",	"syslog-tls-key",
	"syslog-tls-skip-verify", "syslog-tls-ca-cert", NULL};

static const struct log_driver drivers[] = {
	{"journald", CONFIG(LOG_JOURNALD), "LOG_JOURNALD", LOG_STORE_CACHE, LOG_SERVER_JOURNALD,
	 journald_keys, NULL},
	{"json-file", CONFIG(LOG_JSON), "LOG_JSON", LOG_STORE_JSON, LOG_SERVER_NONE, file_keys,
	 read_json},
	{"local", CONFIG(LOG_LOCAL), "LOG_LOCAL", LOG_STORE_LOCAL, LOG_SERVER_NONE, file_keys,
	 read_local},
	{"syslog", CONFIG(LOG_SYSLOG), "LOG_SYSLOG", LOG_STORE_CACHE, LOG_SERVER_SYSLOG,
	 syslog_keys, CONFIG(LOG_SYSLOG) ? read_syslog : NULL},
};

size_t log_drivers_list(const char *ret[LOG_DRIVERS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		if (drivers[i].built_in)
			ret[n++] = drivers[i].name;
	return n;
}

bool log_options_is_cache(const char *key)
{
	if (!strz_starts(key, "cache-"))
		return false;
	key += 6;
	if (!strcmp(key, "disabled"))
		return true;
	for (const char *const *k = file_keys; *k; k++)
		if (!strcmp(key, *k))
			return true;
	return false;
}

static int read_mode(const struct text_map *options, struct log_options *o, struct err *e)
{
	const char *mode = text_map_get(options, "mode"),
		   *size = text_map_get(options, "max-buffer-size");

	o->non_blocking = mode && !strcmp(mode, "non-blocking");
	if (is_set(mode) && !o->non_blocking && strcmp(mode, "blocking"))
		return err_set(e, ERR_INVALID, "logger: logging mode not supported: %s", mode);
	if (size && !o->non_blocking)
		return err_set(e, ERR_INVALID,
			       "logger: max-buffer-size option is only supported with "
			       "'mode=non-blocking'");
	if (size && parse_size(size, 1024, &o->buffer_size, e) < 0)
		return err_wrap(e, "error parsing option max-buffer-size");
	return 0;
}

static int read_cache(const struct text_map *options, struct log_options *o, struct err *e)
{
	const char *text = text_map_get(options, "cache-disabled");
	bool disabled = false;

	if (is_set(text) && parse_bool(text, &disabled) < 0)
		return err_set(e, ERR_INVALID, "invalid value for option cache-disabled: %s", text);
	if (o->store != LOG_STORE_CACHE)
		return 0;
	if (disabled || !CONFIG(LOG_LOCAL)) {
		o->store = LOG_STORE_NONE;
		return 0;
	}
	if (read_local_as(options, "cache-", o, e) < 0)
		return err_wrap(e, "error initializing local log cache driver");
	return 0;
}

static int check_keys(const struct log_driver *d, const struct text_map *options, struct err *e)
{
	for (size_t i = 0; i < options->n; i++) {
		const char *key = options->items[i].key;
		const char *const *known = d->keys;

		if (!strcmp(key, "mode") || !strcmp(key, "max-buffer-size") ||
		    log_options_is_cache(key))
			continue;
		while (*known && strcmp(*known, key))
			known++;
		if (*known)
			continue;
		if (!strcmp(d->name, "local"))
			return err_set(e, ERR_INVALID, "unknown log opt '%s' for log driver local",
				       key);
		return err_set(e, ERR_INVALID, "unknown log opt '%s' for %s log driver", key,
			       d->name);
	}
	return 0;
}

int log_options_read(const char *driver, const struct text_map *options, struct log_options *ret,
		     struct err *e)
{
	struct log_options o = {.max_file = 1};
	const struct log_driver *d = drivers, *end = drivers + ARRAY_LEN(drivers);

	if (strz_eq(driver, "none")) {
		if (ret)
			*ret = o;
		return 0;
	}
	if (read_mode(options, &o, e) < 0)
		return err_code(e);
	while (d < end && !strz_eq(driver, d->name))
		d++;
	if (d == end)
		return err_set(e, ERR_INVALID, "logger: no log driver named '%s' is registered",
			       driver ? driver : "");
	if (!d->built_in)
		return err_set(e, ERR_NOT_IMPLEMENTED,
			       "logger: no log driver named '%s' is registered: it is not built "
			       "in (CONFIG_%s)",
			       d->name, d->symbol);
	o.store = d->store;
	o.server = d->server;
	if (check_keys(d, options, e) < 0 || (d->read && d->read(options, &o, e) < 0) ||
	    read_cache(options, &o, e) < 0)
		return err_code(e);
	if (ret)
		*ret = o;
	return 0;
}
