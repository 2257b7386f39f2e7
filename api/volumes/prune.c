/* SPDX-License-Identifier: Apache-2.0 */
#include "api/volumes/volumes.h"

#include "api/router/prune.h"
#include "firmware/core/log.h"

#define ANONYMOUS_SINCE 42

static const char *const filter_keys[] = {"all", "label", "label!", NULL};

struct pruned {
	const char **names;
	size_t n;
	uint64_t bytes;
};

static int read_all(struct call *call, const struct filters *f, bool *ret, struct err *e)
{
	const struct texts *values = filters_get(f, "all");
	bool yes = texts_contain(values, "true") || texts_contain(values, "1");
	bool no = texts_contain(values, "false") || texts_contain(values, "0");

	*ret = call->api_minor < ANONYMOUS_SINCE || yes;
	if (values->n && yes == no)
		return err_set(e, ERR_INVALID, "invalid filter 'all=[\"%s\"]'", values->items[0]);
	return 0;
}

static bool wanted(const struct prune_filter *f, bool all, const struct volume *v)
{
	return !v->gone && !volume_users(v) && !v->options.n && (all || volume_is_anonymous(v)) &&
	       prune_filter_wants(f, v->created_ns, &v->labels);
}

/* What cannot be removed is left for the next time. */
static void prune_one(struct call *call, struct volume *v, struct pruned *done) FIBER_FN
{
	struct err e = ERR_INIT;
	uint64_t bytes = 0;

	if (volume_measure(v, &bytes, &e) < 0)
		err_clear(&e);
	if (volume_remove(v, &e) < 0) {
		if (e.kind != ERR_CONFLICT && e.kind != ERR_NOT_FOUND)
			log_warn("pruning volume %s: %s", v->name, e.msg);
		return;
	}
	done->names[done->n] = arena_strdup(call->a, v->name);
	if (done->names[done->n])
		done->n++;
	done->bytes += bytes;
}

static int prune_all(struct call *call, const struct prune_filter *f, bool everything,
		     struct pruned *done, struct err *e) FIBER_FN
{
	struct volume **all;
	size_t n;

	if (volume_list(call->eng->volumes, call->a, &all, &n) < 0)
		return err_set(e, ERR_UNAVAILABLE, "no memory for the list");
	done->names = arena_alloc_array(call->a, n + 1, sizeof(*done->names));
	http_watch_client(call->http, true);
	for (size_t i = 0; i < n; i++) {
		if (done->names && !fiber_cancelled() && wanted(f, everything, all[i]))
			prune_one(call, all[i], done);
		volume_unref(all[i]);
	}
	http_watch_client(call->http, false);
	return done->names ? 0 : err_set(e, ERR_UNAVAILABLE, "no memory for the list");
}

/* POST /volumes/prune */
int api_volumes_prune(struct call *call, struct err *e)
{
	struct prune_filter *f = arena_alloc(call->a, sizeof(*f));
	struct pruned done = {0};
	struct json_writer w;
	struct buf out;
	bool all;
	int r;

	if (!f)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	if (prune_filter_read(call, filter_keys, f, e) < 0 ||
	    read_all(call, &f->filters, &all, e) < 0 ||
	    engine_prune_begin(&call->eng->pruning, e) < 0)
		return err_code(e);
	r = prune_all(call, f, all, &done, e);
	call->eng->pruning = false;
	if (r < 0)
		return r;
	reply_begin(call, &out, &w);
	json_object_open(&w);
	json_key(&w, "VolumesDeleted");
	json_array_open(&w);
	for (size_t i = 0; i < done.n; i++)
		json_put_text(&w, done.names[i]);
	json_array_close(&w);
	return prune_finish(call, &out, &w, EVENT_VOLUME, done.bytes, e);
}
