/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System call filters: the "seccomp" member of config.json, made into a program for the kernel with
 * the meaning that runc and libseccomp give it. Whatever cannot be given that meaning with
 * certainty is refused, so that the runtime is asked instead.
 *
 * Thread: any. Yields: no. Owns: a profile lives in its arena and points into the document's text.
 */
#ifndef RUNTIME_JOIN_FILTER_H
#define RUNTIME_JOIN_FILTER_H

#include <linux/filter.h>

#include "firmware/core/arena.h"
#include "firmware/core/err.h"
#include "firmware/fmt/json.h"
#include "runtime/join/syscalls.h"

#define FILTER_ARCHES_MAX 3
#define FILTER_ARGS_MAX 6

enum filter_op { FILTER_NE, FILTER_LT, FILTER_LE, FILTER_EQ, FILTER_GE, FILTER_GT, FILTER_MASKED };

struct filter_compare {
	uint8_t arg;
	enum filter_op op;
	uint64_t value;
	uint64_t mask; /* of FILTER_MASKED: (argument & mask) == value */
};

/* One name and what it takes: all compares must hold; none: always. */
struct filter_rule {
	struct str name;
	uint32_t action; /* SECCOMP_RET_… with its data */
	const struct filter_compare *compares;
	size_t n_compares;
};

struct filter_profile {
	uint32_t default_action;
	unsigned flags; /* SECCOMP_FILTER_FLAG_… */
	bool enosys;	/* calls newer than any named are said not to exist */
	enum syscall_arch arches[FILTER_ARCHES_MAX]; /* the first is ours */
	size_t n_arches;
	struct filter_rule *rules; /* sorted by name */
	size_t n_rules;
};

struct filter {
	unsigned flags;
	size_t n;
	struct sock_filter code[BPF_MAXINSNS];
};

/* enosys: that which runc adds. ERR_NOT_IMPLEMENTED: leave it to the runtime. */
int filter_read(struct json_node seccomp, bool enosys, struct arena *a, struct filter_profile *ret,
		struct err *e) WARN_UNUSED;
int filter_compile(const struct filter_profile *profile, struct arena *a, struct filter *ret,
		   struct err *e) WARN_UNUSED;

#endif
