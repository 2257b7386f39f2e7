/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /system/df: what images, containers and volumes take on disk. Sent piece by piece, since
 * every item is as long as that of a list.
 */
#include <errno.h>

#include "api/containers/sizes.h"
#include "api/router/list_reply.h"
#include "api/router/reply.h"
#include "api/shape/container.h"
#include "api/shape/image.h"
#include "api/system/system.h"
#include "api/volumes/volumes.h"

#define TYPES_SINCE 42

enum df_type {
	DF_CONTAINERS = 1 << 0,
	DF_IMAGES = 1 << 1,
	DF_VOLUMES = 1 << 2,
	DF_BUILD_CACHE = 1 << 3,
	DF_ALL = (1 << 4) - 1,
};

static const char *const type_names[] = {"container", "image", "volume", "build-cache"};

struct usage {
	struct call *call;
	unsigned types;
	struct list_reply list;
};

static int read_types(struct call *call, unsigned *ret, struct err *e)
{
	struct str type;

	*ret = 0;
	if (call->api_minor < TYPES_SINCE || !query_has(call, "type")) {
		*ret = DF_ALL;
		return 0;
	}
	for (size_t i = 0;; i++) {
		size_t k = 0;

		if (http_query_get(call->http->query, "type", i, call->a, &type) < 0)
			return err_set(e, ERR_INVALID, "invalid URL escape");
		if (!type.p)
			return 0;
		while (k < ARRAY_LEN(type_names) && !str_eqz(type, type_names[k]))
			k++;
		if (k == ARRAY_LEN(type_names))
			return err_set(e, ERR_INVALID, "unknown object type: " STR_FMT,
				       STR_ARG(type));
		*ret |= 1u << k;
	}
}

static int send_images(struct usage *u, struct image **all, const uint64_t *shared, size_t n)
	FIBER_FN
{
	struct image_store *s = u->call->eng->images;
	int r = list_reply_text(&u->list, ",\"Images\":[");

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (all[i]->gone)
			continue;
		shape_image_summary_counted(s, all[i], list_reply_item(&u->list), u->call->a,
					    u->call->api_minor, (int64_t)shared[i]);
		r = list_reply_send(&u->list);
	}
	return r < 0 ? r : list_reply_text(&u->list, "]");
}

static int df_images(struct usage *u, struct err *e) FIBER_FN
{
	struct image_store *s = u->call->eng->images;
	struct image **all;
	uint64_t *shared, layers = 0;
	char head[48];
	size_t n = 0;
	int r;

	if (!(u->types & DF_IMAGES))
		return list_reply_text(&u->list, "\"LayersSize\":0,\"Images\":null");
	if (image_list(s, u->call->a, &all, &n, e) < 0)
		return err_code(e);
	shared = arena_alloc_array(u->call->a, n + 1, sizeof(*shared));
	if (shared)
		image_store_usage(s, all, n, shared, &layers);
	text_format(head, sizeof(head), "\"LayersSize\":%llu", (unsigned long long)layers);
	r = shared ? list_reply_text(&u->list, head) : -ENOMEM;
	if (r == 0)
		r = send_images(u, all, shared, n);
	for (size_t i = 0; i < n; i++)
		image_unref(all[i]);
	return r;
}

static int df_container(struct usage *u, struct container *c) FIBER_FN
{
	struct container_sizes sizes = {0};
	struct err ignored = ERR_INIT;

	if (container_measure(c, &sizes, &ignored) < 0)
		sizes = (struct container_sizes){0}; /* it goes just now */
	if (c->removed)
		return 0;
	shape_container_summary(c, list_reply_item(&u->list), u->call->a, u->call->api_minor,
				&sizes);
	return list_reply_send(&u->list);
}

static int df_containers(struct usage *u) FIBER_FN
{
	struct container **all;
	size_t n = 0;
	int r;

	if (!(u->types & DF_CONTAINERS))
		return list_reply_text(&u->list, ",\"Containers\":null");
	if (container_list(u->call->eng, u->call->a, &all, &n) < 0)
		return -ENOMEM;
	r = list_reply_text(&u->list, ",\"Containers\":[");
	for (size_t i = 0; i < n; i++) {
		if (r == 0)
			r = df_container(u, all[i]);
		container_unref(all[i]);
	}
	return r < 0 ? r : list_reply_text(&u->list, "]");
}

static int df_volume(struct usage *u, struct volume *v) FIBER_FN
{
	struct volume_usage usage = {.users = (int64_t)volume_users(v), .size = -1};
	struct err ignored = ERR_INIT;
	uint64_t bytes;

	if (volume_measure(v, &bytes, &ignored) == 0)
		usage.size = (int64_t)bytes;
	if (v->gone)
		return 0;
	shape_volume(v, &usage, list_reply_item(&u->list));
	return list_reply_send(&u->list);
}

static int df_volumes(struct usage *u) FIBER_FN
{
	struct volume **all;
	size_t n = 0;
	int r;

	if (!(u->types & DF_VOLUMES))
		return list_reply_text(&u->list, ",\"Volumes\":null");
	if (volume_list(u->call->eng->volumes, u->call->a, &all, &n) < 0)
		return -ENOMEM;
	r = list_reply_text(&u->list, ",\"Volumes\":[");
	for (size_t i = 0; i < n; i++) {
		if (r == 0)
			r = df_volume(u, all[i]);
		volume_unref(all[i]);
	}
	return r < 0 ? r : list_reply_text(&u->list, "]");
}

static int df_all(struct usage *u, struct err *e) FIBER_FN
{
	int r = list_reply_begin(&u->list, u->call, "{");

	if (r == 0)
		r = df_images(u, e);
	if (r == 0)
		r = df_containers(u);
	if (r == 0)
		r = df_volumes(u);
	return list_reply_end(
		&u->list, r,
		u->types & DF_BUILD_CACHE ? ",\"BuildCache\":[]}\n" : ",\"BuildCache\":null}\n", e);
}

int api_system_df(struct call *call, struct err *e)
{
	struct usage *u = arena_alloc(call->a, sizeof(*u));

	if (!u)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	u->call = call;
	if (read_types(call, &u->types, e) < 0)
		return err_code(e);
	return df_all(u, e);
}
