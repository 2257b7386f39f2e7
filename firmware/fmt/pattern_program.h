/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pattern is made into, shared by its reader (pattern.c) and its runner (pattern_match.c): a
 * program for a set of threads that all read the same byte, so that nothing is ever tried twice.
 *
 * Thread: any. Yields: no. Owns: all of it is the pattern's arena's.
 */
#ifndef FIRMWARE_FMT_PATTERN_PROGRAM_H
#define FIRMWARE_FMT_PATTERN_PROGRAM_H

#include <stdint.h>

#include "firmware/fmt/pattern.h"

enum op {
	OP_BYTE,
	OP_ANY,
	OP_CLASS,
	OP_START,
	OP_END,
	OP_WORD,
	OP_NOT_WORD,
	OP_SPLIT,
	OP_JUMP,
	OP_MATCH
};

struct instruction {
	uint8_t op, byte;
	int16_t x, y; /* OP_SPLIT: both ways; OP_JUMP: x; relative. OP_CLASS: x is its number */
};

struct class
{
	uint8_t bits[32];
};

struct threads {
	uint16_t *pc;
	size_t n;
};

struct pattern {
	struct instruction *code;
	struct class *classes;
	uint16_t n_code, max_code, n_classes, max_classes;
	/* while matching */
	struct threads now, next;
	uint16_t *stack;
	uint32_t *seen; /* the round in which an instruction was visited */
	uint32_t round;
};

#endif
