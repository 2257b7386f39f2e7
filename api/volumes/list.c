/* SPDX-License-Identifier: Apache-2.0 */
#include "api/volumes/volumes.h"

#include "api/router/list_reply.h"
#include "api/router/reply.h"

static const char *const filter_keys[] = {"dangling", "driver", "label", "name", NULL};

enum dangling { DANGLING_ANY, DANGLING_YES, DANGLING_NO };

static int read_dangling(const struct filters *f, enum dangling *ret, struct err *e)
{
	const struct texts *values = filters_get(f, "dangling");
	bool yes, no;

	*ret = DANGLING_ANY;
	if (!values->n)
		return 0;
	yes = texts_contain(values, "true") || texts_contain(values, "1");
	no = texts_contain(values, "false") || texts_contain(values, "0");
	if (yes == no)
		return err_set(e, ERR_INVALID, "invalid filter 'dangling=[\"%s\"]'",
			       values->items[0]);
	*ret = yes ? DANGLING_YES : DANGLING_NO;
	return 0;
}

static bool wanted(const struct filters *f, enum dangling dangling, const struct volume *v)
{
	if (v->gone ||
	    (dangling != DANGLING_ANY && (volume_users(v) == 0) != (dangling == DANGLING_YES)))
		return false;
	return filters_exact(f, "driver", VOLUME_DRIVER) && filters_match(f, "name", v->name) &&
	       filters_labels(f, "label", &v->labels);
}

static int put_all(struct call *call, const struct filters *f, enum dangling dangling,
		   struct volume **all, size_t n, struct err *e) FIBER_FN
{
	struct list_reply list;
	int r = list_reply_begin(&list, call, "{\"Volumes\":[");

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (!wanted(f, dangling, all[i]))
			continue;
		shape_volume(all[i], NULL, list_reply_item(&list));
		r = list_reply_send(&list);
	}
	return list_reply_end(&list, r, "],\"Warnings\":null}\n", e);
}

/* GET /volumes */
int api_volumes_list(struct call *call, struct err *e)
{
	struct filters *f = arena_alloc(call->a, sizeof(*f));
	enum dangling dangling;
	struct volume **all;
	size_t n;
	int r;

	if (!f)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	if (filters_read(call, filter_keys, f, e) < 0 || read_dangling(f, &dangling, e) < 0)
		return err_code(e);
	if (volume_list(call->eng->volumes, call->a, &all, &n) < 0)
		return err_set(e, ERR_UNAVAILABLE, "no memory for the list");
	r = put_all(call, f, dangling, all, n, e);
	for (size_t i = 0; i < n; i++)
		volume_unref(all[i]);
	return r;
}
