/* SPDX-License-Identifier: Apache-2.0 */
#include "api/containers/containers.h"

#include "api/containers/sizes.h"
#include "api/router/prune.h"
#include "firmware/core/log.h"

static const char *const filter_keys[] = {"label", "label!", "until", NULL};

struct pruned {
	const char **ids;
	size_t n;
	uint64_t bytes;
};

/* What cannot be removed is left for the next time. */
static void prune_one(struct call *call, struct container *c, struct pruned *done) FIBER_FN
{
	struct container_sizes sizes = {0};
	struct err e = ERR_INIT;

	if (container_measure(c, &sizes, &e) < 0)
		err_clear(&e);
	if (container_remove(c, c->id, false, false, &e) < 0) {
		log_warn("pruning container %s: %s", c->id, e.msg);
		return;
	}
	done->ids[done->n] = arena_strdup(call->a, c->id);
	if (done->ids[done->n])
		done->n++;
	done->bytes += sizes.rw;
}

static int prune_all(struct call *call, const struct prune_filter *f, struct pruned *done,
		     struct err *e) FIBER_FN
{
	struct container **all;
	size_t n = 0;

	if (container_list(call->eng, call->a, &all, &n) < 0)
		return err_set(e, ERR_UNAVAILABLE, "no memory for the list");
	done->ids = arena_alloc_array(call->a, n + 1, sizeof(*done->ids));
	http_watch_client(call->http, true);
	for (size_t i = 0; i < n; i++) {
		struct container *c = all[i];

		if (done->ids && !fiber_cancelled() && !c->removed && !container_is_running(c) &&
		    prune_filter_wants(f, c->created_ns, &c->config.labels))
			prune_one(call, c, done);
		container_unref(c);
	}
	http_watch_client(call->http, false);
	return done->ids ? 0 : err_set(e, ERR_UNAVAILABLE, "no memory for the list");
}

/* POST /containers/prune */
int api_containers_prune(struct call *call, struct err *e)
{
	struct prune_filter *f = arena_alloc(call->a, sizeof(*f));
	struct pruned done = {0};
	struct json_writer w;
	struct buf out;
	int r;

	if (!f)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	if (prune_filter_read(call, filter_keys, f, e) < 0 ||
	    engine_prune_begin(&call->eng->pruning, e) < 0)
		return err_code(e);
	r = prune_all(call, f, &done, e);
	call->eng->pruning = false;
	if (r < 0)
		return r;
	reply_begin(call, &out, &w);
	json_object_open(&w);
	prune_put_list(&w, "ContainersDeleted", &(struct texts){done.ids, done.n, true});
	return prune_finish(call, &out, &w, EVENT_CONTAINER, done.bytes, e);
}
