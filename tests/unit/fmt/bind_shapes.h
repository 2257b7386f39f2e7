/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shape with a field of every kind, for the tests of binding.
 *
 * Thread: the test's. Yields: no.
 */
#ifndef TESTS_UNIT_FMT_BIND_SHAPES_H
#define TESTS_UNIT_FMT_BIND_SHAPES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "firmware/core/mem.h"
#include "firmware/fmt/bind.h"

struct port {
	const char *ip, *port;
};
struct device {
	const char *path;
	int64_t weight;
};
struct policy {
	const char *name;
	int64_t retries;
	int8_t strict;
	const char *forbidden;
};
struct host {
	int64_t memory;
	struct opt_i64 pids, swappiness;
	bool privileged;
	int8_t init;
	struct texts binds, command, exposed, listed;
	struct text_map labels;
	struct policy restart, extra;
	struct policy *health;
	struct shape_array devices;
	struct shape_map networks, ports;
	struct str raw;
	const char *name, *made, *secret, *early;
};

static const struct shape_field port_fields[] = {
	SHAPE_FIELD(struct port, "HostIp", ip, SHAPE_TEXT),
	SHAPE_FIELD(struct port, "HostPort", port, SHAPE_TEXT),
};
static UNUSED const struct shape port_shape = {
	.name = "PortBinding",
	.size = sizeof(struct port),
	.fields = port_fields,
	.n_fields = ARRAY_LEN(port_fields),
};
static const struct shape_field device_fields[] = {
	SHAPE_FIELD(struct device, "Path", path, SHAPE_TEXT),
	SHAPE_FIELD(struct device, "Weight", weight, SHAPE_I64),
};
static UNUSED const struct shape device_shape = {
	.name = "DeviceMapping",
	.size = sizeof(struct device),
	.fields = device_fields,
	.n_fields = ARRAY_LEN(device_fields),
};

static inline void policy_defaults(void *object)
{
	((struct policy *)object)->retries = 7;
}

static const struct shape_field policy_fields[] = {
	SHAPE_FIELD(struct policy, "Name", name, SHAPE_TEXT),
	SHAPE_FIELD(struct policy, "MaximumRetryCount", retries, SHAPE_I64),
	SHAPE_FIELD(struct policy, "Strict", strict, SHAPE_TRI, .flags = SHAPE_OMIT_EMPTY),
	SHAPE_FIELD(struct policy, "Forbidden", forbidden, SHAPE_TEXT,
		    .flags = SHAPE_OMIT_EMPTY | SHAPE_REFUSED),
};
static UNUSED const struct shape policy_shape = {
	.name = "RestartPolicy",
	.size = sizeof(struct policy),
	.fields = policy_fields,
	.n_fields = ARRAY_LEN(policy_fields),
	.init = policy_defaults,
};
static const struct shape_field host_fields[] = {
	SHAPE_FIELD(struct host, "Memory", memory, SHAPE_I64),
	SHAPE_FIELD(struct host, "PidsLimit", pids, SHAPE_OPT_I64),
	SHAPE_FIELD(struct host, "MemorySwappiness", swappiness, SHAPE_OPT_I64,
		    .flags = SHAPE_REFUSED | SHAPE_MINUS_ONE_EMPTY | SHAPE_OMIT_EMPTY),
	SHAPE_FIELD(struct host, "Privileged", privileged, SHAPE_BOOL),
	SHAPE_FIELD(struct host, "Init", init, SHAPE_TRI),
	SHAPE_FIELD(struct host, "Binds", binds, SHAPE_TEXTS),
	SHAPE_FIELD(struct host, "Cmd", command, SHAPE_TEXTS_OR_ONE, .flags = SHAPE_EMPTY_ARRAY),
	SHAPE_FIELD(struct host, "ExposedPorts", exposed, SHAPE_TEXT_SET,
		    .flags = SHAPE_OMIT_EMPTY),
	SHAPE_FIELD(struct host, "Listed", listed, SHAPE_TEXTS,
		    .flags = SHAPE_REFUSED | SHAPE_OMIT_EMPTY),
	SHAPE_FIELD(struct host, "Labels", labels, SHAPE_TEXT_MAP),
	SHAPE_FIELD(struct host, "RestartPolicy", restart, SHAPE_STRUCT, .sub = &policy_shape),
	SHAPE_FIELD(struct host, "Extra", extra, SHAPE_STRUCT, .sub = &policy_shape,
		    .flags = SHAPE_OMIT_EMPTY),
	SHAPE_FIELD(struct host, "Health", health, SHAPE_PTR, .sub = &policy_shape),
	SHAPE_FIELD(struct host, "Devices", devices, SHAPE_ARRAY, .sub = &device_shape,
		    .flags = SHAPE_REFUSED),
	SHAPE_FIELD(struct host, "Networks", networks, SHAPE_MAP, .sub = &policy_shape),
	SHAPE_FIELD(struct host, "PortBindings", ports, SHAPE_MAP_ARRAY, .sub = &port_shape),
	SHAPE_FIELD(struct host, "Raw", raw, SHAPE_RAW, .flags = SHAPE_REFUSED),
	SHAPE_FIELD(struct host, "Name", name, SHAPE_TEXT),
	SHAPE_FIELD(struct host, "Made", made, SHAPE_TEXT, .since = 40,
		    .flags = SHAPE_WRITE_ONLY | SHAPE_OMIT_EMPTY),
	SHAPE_FIELD(struct host, "Secret", secret, SHAPE_TEXT, .since = 44,
		    .flags = SHAPE_OMIT_EMPTY),
	SHAPE_FIELD(struct host, "Early", early, SHAPE_TEXT, .until = 44,
		    .flags = SHAPE_OMIT_EMPTY),
};
static UNUSED const struct shape host_shape = {
	.name = "HostConfig",
	.size = sizeof(struct host),
	.fields = host_fields,
	.n_fields = ARRAY_LEN(host_fields),
};

static struct arena arena;

static inline int open_arena(void **state)
{
	(void)state;
	arena_open_heap(&arena, 64 << 20);
	return 0;
}

static inline int close_arena(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static inline struct host decode(const char *text)
{
	struct host h;
	struct err e = ERR_INIT;

	if (shape_decode_text(&host_shape, str_from(text), &arena, &h, &e) < 0)
		fail_msg("%s: %s", text, e.msg);
	return h;
}

static inline const char *encode(const struct host *h, unsigned minor)
{
	struct json_writer w;
	struct buf b;

	buf_init(&b, &arena, 1 << 20);
	json_begin(&w, &b);
	shape_encode(&host_shape, h, &w, minor);
	assert_false(b.failed);
	return buf_text(&b);
}

#endif
