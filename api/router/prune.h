/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the prunes have in common: the filters until, label and label!, and the form of
 * their answers.
 *
 * Thread: loop. Yields: what carries FIBER_FN. Owns: nothing kept; texts are the call's arena's.
 */
#ifndef API_ROUTER_PRUNE_H
#define API_ROUTER_PRUNE_H

#include "api/router/reply.h"
#include "runtime/event/event.h"

struct prune_filter {
	struct filters filters;
	int64_t until_ns; /* wall clock; INT64_MAX when not given */
};

/* allowed as for filters_read. */
int prune_filter_read(struct call *call, const char *const *allowed, struct prune_filter *ret,
		      struct err *e) WARN_UNUSED;
/* By age and labels. */
bool prune_filter_wants(const struct prune_filter *f, int64_t created_ns,
			const struct text_map *labels);
/* Texts under a key; an empty list is null. */
void prune_put_list(struct json_writer *w, const char *key, const struct texts *list);
/* Add SpaceReclaimed, close the object, tell of the prune in the event stream, and reply. */
int prune_finish(struct call *call, struct buf *out, struct json_writer *w, enum event_type type,
		 uint64_t reclaimed, struct err *e) FIBER_FN;

#endif
