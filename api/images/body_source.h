/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request's body as what images are read from.
 *
 * Thread: loop; what is read is read in a job. Yields: as marked in runtime/image/image.h.
 * Owns: nothing; lives in the handler's frame.
 */
#ifndef API_IMAGES_BODY_SOURCE_H
#define API_IMAGES_BODY_SOURCE_H

#include "firmware/net/http_server.h"
#include "runtime/image/image.h"

struct body_source {
	struct image_source source;
	struct http_request *http;
};

void body_source_init(struct body_source *b, struct http_request *http);

#endif
