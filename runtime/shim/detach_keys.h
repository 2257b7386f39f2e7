/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key sequence that ends an attached session without ending the container (ctrl-p ctrl-q
 * unless told). Bytes that may be the beginning of the sequence are held back, and given on when
 * the next byte shows that they are not.
 *
 * Thread: any. Yields: no. Owns: nothing.
 */
#ifndef RUNTIME_SHIM_DETACH_KEYS_H
#define RUNTIME_SHIM_DETACH_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DETACH_KEYS_MAX 32

struct detach_keys {
	uint8_t keys[DETACH_KEYS_MAX];
	uint8_t n;    /* 0: no sequence, nothing is held back */
	uint8_t held; /* of the sequence, so many bytes were seen and held back */
};

/* n 0 sets the default sequence. */
void detach_keys_init(struct detach_keys *d, const uint8_t *keys, size_t n);
/*
 * Pass n bytes through: writes what may go on to out (room for n + DETACH_KEYS_MAX bytes; may not
 * overlap in) and its length to *ret_n. True when the sequence is complete; what stood before it is
 * in out, what follows it is dropped.
 */
bool detach_keys_filter(struct detach_keys *d, const uint8_t *in, size_t n, uint8_t *out,
			size_t *ret_n);

#endif
