/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finch Daemon's command line: long flags as pflag reads them, "--flag value" and "--flag=value",
 * booleans by "=" alone. Words that are no flags are left unread, as they are there.
 */
#include <errno.h>
#include <stddef.h>

#include "api/main/finch.h"
#include "firmware/core/log.h"

enum kind { KIND_TEXT, KIND_INT, KIND_BOOL };

#define AT(member) (uint16_t) offsetof(struct finch_options, member)

static const struct flag {
	const char *name;
	char letter;
	enum kind kind;
	uint16_t offset;
	const char *help;
} flags[] = {
	{"config-file", 0, KIND_TEXT, AT(config_file),
	 "Daemon Config Path (default \"" FINCH_CONFIG_FILE "\")"},
	{"credential-socket-addr", 0, KIND_TEXT, AT(credential_addr),
	 "credential server listening Unix socket address (default "
	 "\"/run/finch-credential.sock\")"},
	{"credential-socket-owner", 0, KIND_INT, AT(credential_owner),
	 "Uid and Gid of the credential socket"},
	{"debug", 0, KIND_BOOL, AT(debug), "turn on debug log level"},
	{"debug-addr", 0, KIND_TEXT, AT(debug_addr),
	 "address of the metrics, there is no profiler"},
	{"experimental", 0, KIND_BOOL, AT(experimental), "enable experimental features"},
	{"help", 'h', KIND_BOOL, AT(help), "help for finch-daemon"},
	{"pidfile", 0, KIND_TEXT, AT(pidfile),
	 "pid file location, \"\" for none (default \"/run/finch.pid\")"},
	{"rego-file", 0, KIND_TEXT, AT(rego_file), "Rego Policy Path: refused, see the manual"},
	{"skip-rego-perm-check", 0, KIND_BOOL, AT(skip_rego_check),
	 "skip the rego file permission check"},
	{"socket-addr", 0, KIND_TEXT, AT(socket_addr),
	 "server listening Unix socket address, or fd:// (default \"/run/finch.sock\")"},
	{"socket-owner", 0, KIND_INT, AT(socket_owner),
	 "Uid and Gid of the server socket (default -1)"},
	{"version", 'v', KIND_BOOL, AT(version), "version for finch-daemon"},
};

static const struct flag *find_flag(struct str name, char letter)
{
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (letter ? flags[i].letter == letter : str_eqz(name, flags[i].name))
			return &flags[i];
	return NULL;
}

static int parse_bool(struct str text, bool *ret)
{
	static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
	static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};

	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (!str_eqz(text, yes[i]) && !str_eqz(text, no[i]))
			continue;
		*ret = str_eqz(text, yes[i]);
		return 0;
	}
	return -EINVAL;
}

static int set(const struct flag *f, struct finch_options *opt, struct str value, struct arena *a,
	       struct err *e)
{
	void *slot = (char *)opt + f->offset;
	const char *want = f->kind == KIND_INT ? "ParseInt" : "ParseBool";
	int64_t number;

	if (f->kind == KIND_TEXT) {
		*(const char **)slot = arena_strndup(a, value.p, value.n);
		if (!*(const char **)slot)
			return err_set(e, ERR_UNAVAILABLE, "no memory for the options");
		opt->config_given |= f->offset == AT(config_file);
		return 0;
	}
	if (f->kind == KIND_BOOL && parse_bool(value, slot) == 0)
		return 0;
	/* What chown takes: (uid_t)-1 means "as it is". */
	if (f->kind == KIND_INT && str_to_i64(value, &number) == 0 && number >= INT32_MIN &&
	    number < UINT32_MAX) {
		*(int64_t *)slot = number;
		return 0;
	}
	return err_set(e, ERR_INVALID,
		       "invalid argument \"" STR_FMT "\" for \"--%s\" flag: strconv.%s: parsing "
		       "\"" STR_FMT "\": invalid syntax",
		       STR_ARG(value), f->name, want, STR_ARG(value));
}

int finch_read_flags(int argc, char **argv, struct arena *a, struct finch_options *ret,
		     struct err *e)
{
	struct finch_options opt = {
		.socket_addr = "/run/finch.sock",
		.credential_addr = "/run/finch-credential.sock",
		.debug_addr = "",
		.config_file = FINCH_CONFIG_FILE,
		.pidfile = "/run/finch.pid",
		.rego_file = "",
		.socket_owner = -1,
	};

	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
		struct str arg = str_from(argv[i]), value = {NULL, 0};
		const struct flag *f;
		ptrdiff_t eq = str_find(arg, '=');

		if (arg.n < 2 || arg.p[0] != '-') {
			log_warn("no flag and not used: %s", argv[i]);
			continue;
		}
		if (eq > 0) {
			value = str_span(arg.p + eq + 1, arg.n - (size_t)eq - 1);
			arg.n = (size_t)eq;
		}
		if (arg.p[1] == '-')
			f = find_flag(str_span(arg.p + 2, arg.n - 2), 0);
		else
			f = arg.n == 2 ? find_flag(arg, arg.p[1]) : NULL;
		if (!f && arg.p[1] != '-')
			return err_set(e, ERR_INVALID, "unknown shorthand flag: '%c' in %s",
				       arg.p[1], argv[i]);
		if (!f)
			return err_set(e, ERR_INVALID, "unknown flag: " STR_FMT, STR_ARG(arg));
		if (!value.p && f->kind == KIND_BOOL)
			value = STR("true");
		else if (!value.p && ++i == argc)
			return err_set(e, ERR_INVALID, "flag needs an argument: --%s", f->name);
		else if (!value.p)
			value = str_from(argv[i]);
		if (set(f, &opt, value, a, e) < 0)
			return err_code(e);
	}
	*ret = opt;
	return 0;
}

void finch_help(struct buf *out)
{
	static const char *const kinds[] = {
		[KIND_TEXT] = "string", [KIND_INT] = "int", [KIND_BOOL] = NULL};

	buf_puts(out, "Finch daemon with a Docker-compatible API (Serin)\n\n"
		      "Usage:\n  finch-daemon [flags]\n\nFlags:\n");
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		const struct flag *f = &flags[i];
		char left[48];

		text_format(left, sizeof(left), "--%s%s%s", f->name, kinds[f->kind] ? " " : "",
			    kinds[f->kind] ? kinds[f->kind] : "");
		if (f->letter)
			buf_printf(out, "  -%c, %-35s %s\n", f->letter, left, f->help);
		else
			buf_printf(out, "      %-35s %s\n", left, f->help);
	}
}
