/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML in, as JSON text: what configuration files hold, for shapes (bind.h) to decode. The first
 * document counts. Scalars without quotes that YAML 1.2's core schema takes for null, a truth value
 * or a number become that, all others texts. Aliases are refused: with them a short text can stand
 * for an endless one.
 *
 * libyaml reads; its memory comes from the heap and is a small multiple of the text.
 *
 * Thread: any. Yields: no. Owns: nothing. Limits: CONFIG_JSON_DEPTH.
 */
#ifndef FIRMWARE_FMT_YAML_H
#define FIRMWARE_FMT_YAML_H

#include "firmware/core/buf.h"
#include "firmware/core/err.h"
#include "firmware/core/str.h"

/*
 * Append the JSON of a document; an empty one is null. ERR_INVALID "line 3: …", ERR_TOO_LARGE when
 * the buffer's limit is hit.
 */
int yaml_to_json(struct str yaml, struct buf *out, struct err *e) WARN_UNUSED;

#endif
