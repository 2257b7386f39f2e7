/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HostConfig.RestartPolicy, without any container: what may be asked for, whether a container that
 * ended is to run again, and how long to wait before that.
 *
 * Thread: any. Yields: no. Owns: nothing.
 */
#ifndef RUNTIME_CONTAINER_RESTART_POLICY_H
#define RUNTIME_CONTAINER_RESTART_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/err.h"
#include "runtime/model/config.h"

/* ERR_INVALID with the engine's messages. An empty name is "no" and may come with any count. */
int restart_policy_check(const struct restart_policy *p, bool auto_remove, struct err *e)
	WARN_UNUSED;
/* Does the policy ever start a container again? */
bool restart_policy_any(const struct restart_policy *p);

/* A container that ended. */
struct restart_case {
	int exit_code;
	int restarts;	/* made by the policy since a client last started it */
	bool stopped;	/* a client has signalled it since then */
	bool cancelled; /* and meant to end it */
};
/* Run again, now that it ended? */
bool restart_policy_wants(const struct restart_policy *p, const struct restart_case *c);
/* Run again, now that the daemon starts? The end was some time ago; it had been started before. */
bool restart_policy_revives(const struct restart_policy *p, const struct restart_case *c);

/*
 * The wait before the next restart in ns, from the one before it (0: none yet) and from how long
 * the container ran: 100 ms, doubled to at most a minute, from the beginning again after 10 s.
 */
int64_t restart_delay(int64_t last_ns, int64_t ran_ns);

#endif
