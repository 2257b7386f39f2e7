/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shapes: C structs described by tables, decoded from and encoded to JSON. A shape stands in one
 * place; requests, replies and the files on disk all go through it. Strings, arrays and maps of a
 * decoded struct live in the arena given.
 *
 * Null and absent are the same on input (the field keeps its zero). On output SHAPE_OMIT_EMPTY
 * leaves out what Go's omitempty would.
 *
 * Thread: any. Yields: no. Owns: decoded memory is the arena's.
 */
#ifndef FIRMWARE_FMT_BIND_H
#define FIRMWARE_FMT_BIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/core/arena.h"
#include "firmware/core/err.h"
#include "firmware/fmt/json.h"

enum shape_kind {
	SHAPE_TEXT,	    /* const char * (NULL = absent; written as "") */
	SHAPE_BOOL,	    /* bool */
	SHAPE_TRI,	    /* int8_t: SHAPE_TRI_UNSET, 0, 1; unset is written as null */
	SHAPE_I64,	    /* int64_t */
	SHAPE_OPT_I64,	    /* struct opt_i64; unset is written as null */
	SHAPE_TEXTS,	    /* struct texts: array of strings; NULL items and not set is null */
	SHAPE_TEXTS_OR_ONE, /* the same; a lone string is accepted as an array of one */
	SHAPE_TEXT_MAP,	    /* struct text_map: object of strings (a null value is "") */
	SHAPE_TEXT_SET,	    /* struct texts: object whose values are {} */
	SHAPE_STRUCT,	    /* embedded struct of sub */
	SHAPE_PTR,	    /* pointer to struct of sub; NULL is null */
	SHAPE_ARRAY,	    /* struct shape_array of structs of sub */
	SHAPE_MAP,	    /* struct shape_map: object whose values are structs of sub */
	SHAPE_MAP_ARRAY,    /* struct shape_map of struct shape_array of sub (PortBindings) */
	SHAPE_RAW,	    /* struct str: the value's JSON text, verbatim; empty is null */
};

/* A zeroed struct says 0 (false); decode sets unset first. */
#define SHAPE_TRI_UNSET ((int8_t)-1)

enum shape_flags {
	SHAPE_OMIT_EMPTY = 1 << 0,  /* leave out when empty/zero/unset */
	SHAPE_EMPTY_ARRAY = 1 << 1, /* an empty list is [] and an empty map {} instead of null */
	SHAPE_REFUSED = 1 << 2,	   /* decoded, but shape_check_refused objects unless it is empty */
	SHAPE_WRITE_ONLY = 1 << 3, /* not taken from input */
	SHAPE_MINUS_ONE_EMPTY = 1 << 4, /* integers: -1, which clients send for "unset", is empty */
	SHAPE_PAIR = 1 << 5,		/* raw: a list of numbers from 0 on, [2]uint to Go */
	SHAPE_LISTS = 1 << 6,		/* raw: a list of lists of strings */
	SHAPE_U16 = 1 << 7,		/* integers: what Go's unsigned types of these sizes hold */
	SHAPE_U32 = 1 << 8,
	SHAPE_U64 = 1 << 9, /* up to INT64_MAX here */
};

struct opt_i64 {
	bool set;
	int64_t v;
};
struct texts {
	const char **items; /* terminated strings */
	size_t n;
	bool set; /* the key was present and not null (an explicit [] differs from absence) */
};
struct text_pair {
	const char *key, *value;
};
struct text_map {
	struct text_pair *items; /* in input order */
	size_t n;
	bool set;
};
struct shape_array {
	void *items; /* n consecutive structs */
	size_t n;
	bool set;
};
struct shape_map_entry {
	const char *key;
	void *value; /* the struct (SHAPE_MAP_ARRAY: a struct shape_array *); NULL for null */
};
struct shape_map {
	struct shape_map_entry *items;
	size_t n;
	bool set;
};

struct shape_field {
	const char *name;
	enum shape_kind kind;
	uint16_t offset;
	uint16_t flags;
	const struct shape *sub;
	/* Shown on output only for API minor versions since <= v < until (0 = no bound). */
	uint8_t since, until;
};
struct shape {
	const char *name; /* Go's type name, for messages */
	size_t size;
	const struct shape_field *fields;
	size_t n_fields;
	/* Defaults before decoding (unset markers are set by decode itself); may be NULL. */
	void (*init)(void *object);
};

#define SHAPE_FIELD(type, json_name, member, kind_, ...)                                           \
	{                                                                                          \
		.name = (json_name), .kind = (kind_), .offset = offsetof(type, member),            \
		__VA_ARGS__                                                                        \
	}

/*
 * Decode an object into out (zeroed first; null and nothing leave it so). Names match exactly or
 * but for ASCII case, a repeated member overwrites, unknown members are ignored. ERR_INVALID names
 * the field as Go does: "json: cannot unmarshal string into Go struct field HostConfig.Memory of
 * type int64". Texts holding U+0000 are refused, since they could not be terminated.
 * ERR_UNAVAILABLE when the arena is full.
 */
int shape_decode(const struct shape *s, struct json_node n, struct arena *a, void *out,
		 struct err *e) WARN_UNUSED;
/* Parse and decode in one. */
int shape_decode_text(const struct shape *s, struct str json, struct arena *a, void *out,
		      struct err *e) WARN_UNUSED;
/* Write as an object. api_minor 0 writes every field (files on disk). */
void shape_encode(const struct shape *s, const void *in, struct json_writer *w, unsigned api_minor);
/* Only the members, into an object the caller opened (Config fields at top level). */
void shape_encode_members(const struct shape *s, const void *in, struct json_writer *w,
			  unsigned api_minor);
/* Deep copy into another arena. -ENOMEM. */
int shape_copy(const struct shape *s, const void *in, struct arena *a, void *out) WARN_UNUSED;
/*
 * ERR_NOT_IMPLEMENTED naming the first SHAPE_REFUSED field (sub-shapes included) that is neither
 * empty nor zero nor false: "HostConfig.Devices is not supported by this engine".
 */
int shape_check_refused(const struct shape *s, const void *in, struct err *e) WARN_UNUSED;

/* The object holds nothing that SHAPE_REFUSED would object to: all fields empty, zero or unset. */
bool shape_is_empty(const struct shape *s, const void *in);

/* Value of a key, or NULL. */
const char *text_map_get(const struct text_map *m, const char *key);
bool texts_contain(const struct texts *t, const char *text);

#endif
