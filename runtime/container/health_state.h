/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The health of a container as a state machine, without container or clock: what a check may look
 * like, when the next probe is due, and what a probe's result makes of the state.
 *
 * Thread: any. Yields: no. Owns: struct health owns its log's texts. Limits: HEALTH_LOG_MAX results
 * of HEALTH_OUTPUT_MAX bytes each.
 */
#ifndef RUNTIME_CONTAINER_HEALTH_STATE_H
#define RUNTIME_CONTAINER_HEALTH_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/buf.h"
#include "firmware/core/err.h"
#include "runtime/model/config.h"

#define HEALTH_LOG_MAX 5
#define HEALTH_OUTPUT_MAX 4096

enum health_status { HEALTH_STARTING, HEALTH_HEALTHY, HEALTH_UNHEALTHY };
const char *health_status_name(enum health_status s); /* "starting", … */
int health_status_parse(struct str text, enum health_status *ret) WARN_UNUSED;

struct health_result {
	int64_t start_ns, end_ns; /* wall clock */
	int exit_code;		  /* -1: not run, or not to its end */
	char *output;		  /* heap */
};
struct health {
	enum health_status status;
	int64_t failing_streak;
	struct health_result log[HEALTH_LOG_MAX]; /* oldest first */
	size_t n_log;
};
struct health *health_new(void) WARN_UNUSED; /* NULL: no memory */
void health_free(struct health *h);
/* Put a result at the log's end, in the place of the oldest when it is full; its text is taken. */
void health_log(struct health *h, struct health_result *r);

/* What a client asks for: ERR_INVALID with the engine's messages. h may be NULL. */
int health_config_check(const struct health_config *h, struct err *e) WARN_UNUSED;
/* Is there anything to run? False for NULL, "NONE" and forms unknown to us. */
bool health_config_probes(const struct health_config *h);

/* Until the next probe, ns; ran_ns: since the container started. */
int64_t health_interval(const struct health_config *cfg, const struct health *h, int64_t ran_ns);
int64_t health_timeout(const struct health_config *cfg); /* ns */
/* A probe's result, whose text is taken; true when the status is another one now. */
bool health_take(struct health *h, const struct health_config *cfg, struct health_result *r,
		 int64_t started_ns);

/* A duration as Go writes it: "1m30s", "1.5s", "200ms". */
void health_put_duration(struct buf *out, int64_t ns);

#endif
