/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/container/log_options.h"

#include <errno.h>
#include <string.h>

#include "firmware/core/config.h"
#include "firmware/core/str.h"

/* "10", "10k", "10kb", "10KiB": powers of 1024. */
static int parse_size(const char *text, int64_t *ret)
{
	static const char units[] = "bkmgt";
	size_t n = strspn(text, "0123456789");
	const char *unit = text[n] ? strchr(units, text[n] | 0x20) : units;
	int64_t v;

	if (!unit || str_to_i64(str_span(text, n), &v) < 0)
		return -EINVAL;
	if (text[n] && text[n + 1] &&
	    (unit == units ||
	     (!str_ieqz(str_from(text + n + 1), "b") && !str_ieqz(str_from(text + n + 1), "ib"))))
		return -EINVAL;
	return __builtin_mul_overflow(v, 1LL << (10 * (unit - units)), ret) ? -EINVAL : 0;
}

static int read_json_file(const struct text_map *options, struct log_limits *ret, struct err *e)
{
	const char *size = text_map_get(options, "max-size"),
		   *file = text_map_get(options, "max-file");

	for (size_t i = 0; i < options->n; i++)
		if (strcmp(options->items[i].key, "max-size") &&
		    strcmp(options->items[i].key, "max-file"))
			return err_set(e, ERR_INVALID,
				       "unknown log opt '%s' for json-file log driver",
				       options->items[i].key);
	if (size && (parse_size(size, &ret->max_size) < 0 || ret->max_size <= 0))
		return err_set(e, ERR_INVALID, "invalid value for max-size: %s", size);
	if (file && (str_to_i64(str_from(file), &ret->max_file) < 0 || ret->max_file < 1))
		return err_set(e, ERR_INVALID, "max-file must be a positive number: %s", file);
	if (ret->max_file > 1 && !size)
		return err_set(e, ERR_INVALID, "max-file needs max-size to be set");
	return 0;
}

int log_options_read(const char *driver, const struct text_map *options, struct log_limits *ret,
		     struct err *e)
{
	struct log_limits limits = {.max_size = 0, .max_file = 1};
	int r = 0;

	if (strz_eq(driver, "json-file")) {
		if (!CONFIG(LOG_JSON))
			return err_set(e, ERR_NOT_IMPLEMENTED,
				       "the log driver json-file is not built in "
				       "(CONFIG_LOG_JSON)");
		r = read_json_file(options, &limits, e);
	} else if (!strz_eq(driver, "none")) {
		return err_set(e, ERR_NOT_IMPLEMENTED,
			       "logger: no log driver named '%s' is registered",
			       driver ? driver : "");
	}
	if (r == 0 && ret)
		*ret = limits;
	return r;
}
