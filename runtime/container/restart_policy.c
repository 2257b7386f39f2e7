/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/container/restart_policy.h"

#include <string.h>

#include "firmware/core/clock.h"

#define DELAY_FIRST_NS (100 * NSEC_PER_MSEC)
#define DELAY_MAX_NS (60 * NSEC_PER_SEC)
#define RAN_WELL_NS (10 * NSEC_PER_SEC)

static bool is(const struct restart_policy *p, const char *name)
{
	return p->name && !strcmp(p->name, name);
}

bool restart_policy_any(const struct restart_policy *p)
{
	return p->name && *p->name && !is(p, "no");
}

static int check_count(const struct restart_policy *p, struct err *e)
{
	if (is(p, "on-failure"))
		return p->maximum_retry_count < 0 ? err_set(e, ERR_INVALID,
							    "invalid restart policy: maximum retry "
							    "count cannot be negative")
						  : 0;
	if (p->maximum_retry_count)
		return err_set(e, ERR_INVALID,
			       "invalid restart policy: maximum retry count can only be used with "
			       "'on-failure'%s",
			       p->maximum_retry_count < 0 ? " and cannot be negative" : "");
	return 0;
}

int restart_policy_check(const struct restart_policy *p, bool auto_remove, struct err *e)
{
	if (!p->name || !*p->name)
		return 0;
	if (!is(p, "no") && !is(p, "always") && !is(p, "on-failure") && !is(p, "unless-stopped"))
		return err_set(
			e, ERR_INVALID,
			"invalid restart policy: unknown policy '%s'; use one of 'no', 'always', "
			"'on-failure', or 'unless-stopped'",
			p->name);
	if (check_count(p, e) < 0)
		return err_code(e);
	if (auto_remove && restart_policy_any(p))
		return err_set(e, ERR_INVALID,
			       "can't create 'AutoRemove' container with restart policy");
	return 0;
}

static bool retries_left(const struct restart_policy *p, const struct restart_case *c)
{
	return c->exit_code && (!p->maximum_retry_count || c->restarts < p->maximum_retry_count);
}

bool restart_policy_wants(const struct restart_policy *p, const struct restart_case *c)
{
	if (c->cancelled)
		return false;
	return is(p, "always") || (is(p, "unless-stopped") && !c->stopped) ||
	       (is(p, "on-failure") && retries_left(p, c));
}

bool restart_policy_revives(const struct restart_policy *p, const struct restart_case *c)
{
	return is(p, "always") || (is(p, "unless-stopped") && !c->stopped) ||
	       (is(p, "on-failure") && !c->stopped && retries_left(p, c));
}

int64_t restart_delay(int64_t last_ns, int64_t ran_ns)
{
	if (last_ns <= 0 || ran_ns >= RAN_WELL_NS)
		return DELAY_FIRST_NS;
	return last_ns >= DELAY_MAX_NS / 2 ? DELAY_MAX_NS : last_ns * 2;
}
