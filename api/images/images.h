/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers of /images.
 *
 * Thread: loop. Yields: yes. See api/router/route.h for what a handler is.
 */
#ifndef API_IMAGES_IMAGES_H
#define API_IMAGES_IMAGES_H

#include "api/router/route.h"

int api_images_list(struct call *call, struct err *e) FIBER_FN;
int api_images_create(struct call *call, struct err *e) FIBER_FN;
/* The half of create that has no route of its own. */
int api_images_import(struct call *call, struct err *e) FIBER_FN;
int api_images_load(struct call *call, struct err *e) FIBER_FN;
int api_images_inspect(struct call *call, struct err *e) FIBER_FN;
int api_images_history(struct call *call, struct err *e) FIBER_FN;
int api_images_tag(struct call *call, struct err *e) FIBER_FN;
int api_images_prune(struct call *call, struct err *e) FIBER_FN;
int api_images_remove(struct call *call, struct err *e) FIBER_FN;

#endif
