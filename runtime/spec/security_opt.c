/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/spec/private.h"

/* "key=value", or the older "key:value". A profile inline holds both characters: the first counts.
 */
static struct str cut_option(struct str option, struct str *ret_value)
{
	for (size_t i = 0; i < option.n; i++) {
		if (option.p[i] == '=' || option.p[i] == ':') {
			*ret_value = str_span(option.p + i + 1, option.n - i - 1);
			return str_span(option.p, i);
		}
	}
	*ret_value = (struct str){NULL, 0};
	return option;
}

static int flag_value(struct str value, bool *ret, struct str option, struct err *e)
{
	if (!value.n || str_ieqz(value, "true") || str_eqz(value, "1") || str_ieqz(value, "t"))
		*ret = true;
	else if (str_ieqz(value, "false") || str_eqz(value, "0") || str_ieqz(value, "f"))
		*ret = false;
	else
		return err_set(e, ERR_INVALID, "invalid --security-opt 2: \"" STR_FMT "\"",
			       STR_ARG(option));
	return 0;
}

static int take_option(struct str option, struct security *s, struct err *e)
{
	struct str value, key = cut_option(option, &value);

	if (str_eqz(key, "no-new-privileges"))
		return flag_value(value, &s->no_new_privs, option, e);
	if (str_eqz(key, "writable-cgroups"))
		return flag_value(value, &s->writable_cgroups, option, e);
	if (str_eqz(option, "disable"))
		return 0; /* labels, which this engine does not set */
	if (!value.n)
		return err_set(e, ERR_INVALID, "invalid --security-opt 1: \"" STR_FMT "\"",
			       STR_ARG(option));
	if (str_eqz(key, "label"))
		return 0;
	if (str_eqz(key, "apparmor")) {
		s->apparmor = value;
		return 0;
	}
	if (str_eqz(key, "seccomp")) {
		s->seccomp_off = str_eqz(value, "unconfined");
		s->seccomp =
			s->seccomp_off || str_eqz(value, "builtin") ? (struct str){NULL, 0} : value;
		return 0;
	}
	if (str_eqz(key, "systempaths")) {
		if (!str_eqz(value, "unconfined"))
			return err_set(e, ERR_INVALID, "invalid --security-opt 2: \"" STR_FMT "\"",
				       STR_ARG(option));
		s->paths_unconfined = true;
		return 0;
	}
	return err_set(e, ERR_INVALID, "invalid --security-opt 2: \"" STR_FMT "\"",
		       STR_ARG(option));
}

int security_parse(const struct host_config *host, struct security *ret, struct err *e)
{
	struct security s = {0};

	for (size_t i = 0; i < host->security_opt.n; i++) {
		int r = take_option(str_from(host->security_opt.items[i]), &s, e);

		if (r < 0)
			return r;
	}
	if (host->privileged)
		s.seccomp_off = !s.seccomp.n;
	*ret = s;
	return 0;
}
