/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events as the API shows them.
 *
 * Thread: loop. Yields: no. Owns: nothing.
 */
#ifndef API_SHAPE_EVENT_H
#define API_SHAPE_EVENT_H

#include "firmware/fmt/json.h"
#include "runtime/event/event.h"

/* False: clients of this version are not told of it. */
bool shape_event_is_known(const struct event *ev, unsigned api_minor);
void shape_event(const struct event *ev, struct json_writer *w);

#endif
