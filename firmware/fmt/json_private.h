/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the JSON files share: the checker's entry, fast scanning of text, escapes.
 *
 * Thread: any. Yields: no. Owns: nothing.
 */
#ifndef FIRMWARE_FMT_JSON_PRIVATE_H
#define FIRMWARE_FMT_JSON_PRIVATE_H

#include "firmware/fmt/json.h"
#include "firmware/fmt/utf8.h"

/*
 * Check one whole text against RFC 8259 and the limits. 0 and the exact number of jsmn tokens,
 * else as json_parse.
 */
int json_check(struct str text, uint32_t *ret_tokens, struct err *e) WARN_UNUSED;

/* Bytes from p that are printable ASCII other than the quote and the backslash. */
size_t json_plain_length(const unsigned char *p, const unsigned char *end);

/* The decoded body of a checked string (without its quotes); body itself when nothing is escaped.
 */
int json_unescape(struct str body, struct arena *a, struct str *ret) WARN_UNUSED;

/* 2: the key's body means exactly name; 1: but for ASCII case; 0: neither. */
int json_key_match(struct str body, const char *name);

#endif
