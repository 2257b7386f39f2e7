/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Websocket frames: the first byte says in what pieces the rest arrives. However it is cut, the
 * same payload, control frames and end come out.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/fmt/ws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SIZE_MAX_IN 8192

struct outcome {
	uint8_t data[SIZE_MAX_IN];
	size_t n;
	unsigned controls, code;
	bool over;
};

static void run(const uint8_t *in, size_t n, size_t piece, struct outcome *o)
{
	static uint8_t copy[SIZE_MAX_IN];
	struct ws_decoder d;
	size_t at = 0;

	memset(o, 0, sizeof(*o));
	memcpy(copy, in, n);
	ws_decoder_init(&d, 1 << 16);
	while (at < n) {
		size_t room = piece < n - at ? piece : n - at, used = 0, got_n = 0;
		uint8_t *got_data = NULL;
		enum ws_event got = ws_decode(&d, copy + at, room, &used, &got_data, &got_n);

		if (!used || used > room || (got == WS_GOT_MORE && used != room) ||
		    (o->over && got != WS_GOT_MORE))
			abort();
		if (got == WS_GOT_DATA) {
			if (!got_n || got_data < copy + at || got_data + got_n > copy + at + used)
				abort();
			memcpy(o->data + o->n, got_data, got_n);
			o->n += got_n;
		} else if (got != WS_GOT_MORE) {
			if (d.control_n > WS_CONTROL_MAX)
				abort();
			o->controls = o->controls * 31 + (unsigned)got;
			o->over = got == WS_GOT_CLOSE || got == WS_GOT_ERROR;
			o->code = d.code;
		}
		at += used;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct outcome whole, cut;
	char accept[WS_ACCEPT_SIZE];

	if (size < 1 || size > SIZE_MAX_IN)
		return 0;
	(void)ws_accept((const char *)data, size, accept);
	run(data + 1, size - 1, size, &whole);
	run(data + 1, size - 1, 1 + data[0] % 16u, &cut);
	if (whole.n != cut.n || memcmp(whole.data, cut.data, whole.n) ||
	    whole.controls != cut.controls || whole.code != cut.code || whole.over != cut.over)
		abort();
	return 0;
}
