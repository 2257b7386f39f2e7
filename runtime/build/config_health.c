/* SPDX-License-Identifier: Apache-2.0 */
/* HEALTHCHECK [--interval=…] CMD command, HEALTHCHECK NONE */
#include "firmware/core/clock.h"
#include "runtime/build/config.h"

static int no_memory(struct err *e)
{
	return err_set(e, ERR_UNAVAILABLE, "no memory for the Dockerfile");
}

static int duration_flag(const struct dockerfile_instruction *in, const char *name, int64_t *ret,
			 struct err *e)
{
	const char *text;
	int64_t ns;
	int r = build_flag(in, name, &text, e);

	if (r <= 0)
		return r;
	if (clock_parse_duration(str_from(text), &ns) < 0)
		return err_set(e, ERR_INVALID, "time: invalid duration \"%.100s\"", text);
	/* The engine's least; zero stands for the default. */
	if (ns < 0 || (ns > 0 && ns < NSEC_PER_MSEC))
		return err_set(e, ERR_INVALID, "Interval \"%s\" cannot be less than 1ms", name);
	*ret = ns;
	return 0;
}

static int read_flags(const struct dockerfile_instruction *in, struct health_config *h,
		      struct err *e)
{
	const char *text;
	int r = duration_flag(in, "interval", &h->interval, e);

	if (r == 0)
		r = duration_flag(in, "timeout", &h->timeout, e);
	if (r == 0)
		r = duration_flag(in, "start-period", &h->start_period, e);
	if (r == 0)
		r = duration_flag(in, "start-interval", &h->start_interval, e);
	if (r < 0)
		return r;
	r = build_flag(in, "retries", &text, e);
	if (r <= 0)
		return r;
	if (str_to_i64(str_from(text), &h->retries) < 0 || h->retries > INT32_MAX)
		return err_set(e, ERR_INVALID,
			       "strconv.ParseInt: parsing \"%.100s\": invalid syntax", text);
	if (h->retries < 0)
		return err_set(e, ERR_INVALID, "--retries cannot be negative (%lld)",
			       (long long)h->retries);
	return 0;
}

/* test = kind and the words of list. */
static int set_test(struct build_state *s, struct health_config *h, const char *kind,
		    const struct texts *list, struct err *e)
{
	h->test = (struct texts){arena_alloc_array(s->a, list->n + 1, sizeof(*h->test.items)),
				 list->n + 1, true};
	if (!h->test.items)
		return no_memory(e);
	h->test.items[0] = kind;
	for (size_t i = 0; i < list->n; i++)
		h->test.items[i + 1] = list->items[i];
	return 0;
}

static int read_command(struct build_state *s, struct health_config *h, const char *command,
			struct err *e)
{
	struct texts list;
	int r = dockerfile_json(command, s->a, &list, e);

	if (r < 0)
		return r;
	if (!*command || (r && !list.n))
		return err_set(e, ERR_INVALID, "Missing command after HEALTHCHECK CMD");
	if (r)
		return set_test(s, h, "CMD", &list, e);
	return set_test(s, h, "CMD-SHELL", &(struct texts){&command, 1, true}, e);
}

int build_config_health(struct build_state *s, const struct dockerfile_instruction *in,
			struct err *e)
{
	static const char *const flags[] = {"interval",	      "timeout", "start-period",
					    "start-interval", "retries", NULL};
	struct health_config *h = arena_alloc(s->a, sizeof(*h));
	const char *command = in->rest;
	struct str kind;
	size_t n = strcspn(command, " \t");

	if (!h)
		return no_memory(e);
	if (!n)
		return err_set(e, ERR_INVALID, "HEALTHCHECK requires at least one argument");
	kind = str_span(command, n);
	command += n;
	while (*command == ' ' || *command == '\t')
		command++;
	if (str_ieqz(kind, "none")) {
		if (*command)
			return err_set(e, ERR_INVALID, "HEALTHCHECK NONE takes no arguments");
		if (build_flags_check(in, NULL, e) < 0 ||
		    set_test(s, h, "NONE", &(struct texts){0}, e) < 0)
			return err_code(e);
	} else if (str_ieqz(kind, "cmd")) {
		if (build_flags_check(in, flags, e) < 0 || read_flags(in, h, e) < 0 ||
		    read_command(s, h, command, e) < 0)
			return err_code(e);
	} else {
		return err_set(e, ERR_INVALID, "Unknown type \"%.*s\" in HEALTHCHECK (try CMD)",
			       (int)MIN(n, (size_t)100), kind.p);
	}
	s->config->healthcheck = h;
	return 0;
}
