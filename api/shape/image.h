/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images as the API shows them.
 *
 * Thread: loop. Yields: no. Owns: nothing; temporary texts are the arena's.
 */
#ifndef API_SHAPE_IMAGE_H
#define API_SHAPE_IMAGE_H

#include "firmware/fmt/json.h"
#include "runtime/image/image.h"

/* Of its names those that keep wants; NULL: all. */
struct name_filter {
	bool (*keep)(const struct name_filter *self, const char *name);
};
void shape_image_summary(struct image_store *s, const struct image *img,
			 const struct name_filter *names, struct json_writer *w, struct arena *a,
			 unsigned api_minor);
void shape_image_inspect(struct image_store *s, const struct image *img, struct json_writer *w,
			 struct arena *a, unsigned api_minor);
/* The same with what it shares with other images (-1: not counted) and the containers in every
 * version, as in GET /system/df. */
void shape_image_summary_counted(struct image_store *s, const struct image *img,
				 struct json_writer *w, struct arena *a, unsigned api_minor,
				 int64_t shared);
/* GET /images/{name}/history: newest first. */
void shape_image_history_list(struct image_store *s, const struct image *img, struct json_writer *w,
			      struct arena *a);

#endif
