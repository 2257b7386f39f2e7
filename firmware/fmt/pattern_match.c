/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a pattern's program: all threads take a byte together, and each instruction is visited
 * once a byte at most, so the time is bounded by program times text.
 */
#include <ctype.h>
#include <string.h>

#include "firmware/fmt/pattern_program.h"

static bool class_has(const struct class *c, uint8_t byte)
{
	return c->bits[byte / 8] >> byte % 8 & 1;
}

static bool is_word(uint8_t byte)
{
	return isalnum(byte) || byte == '_';
}

static bool at_word_edge(struct str text, size_t at)
{
	bool before = at > 0 && is_word((uint8_t)text.p[at - 1]);
	bool after = at < text.n && is_word((uint8_t)text.p[at]);

	return before != after;
}

static bool holds(const struct instruction *i, struct str text, size_t at)
{
	switch (i->op) {
	case OP_START:
		return at == 0;
	case OP_END:
		return at == text.n;
	case OP_WORD:
		return at_word_edge(text, at);
	default:
		return !at_word_edge(text, at);
	}
}

static void push(struct pattern *p, size_t *n, int pc)
{
	if (p->seen[pc] == p->round)
		return;
	p->seen[pc] = p->round;
	p->stack[(*n)++] = (uint16_t)pc;
}

/* Follow all that takes no byte from pc on. True: the end of the program is among it. */
static bool add_thread(struct pattern *p, struct threads *list, int pc, struct str text, size_t at)
{
	size_t n = 0;

	push(p, &n, pc);
	while (n) {
		const struct instruction *i;

		pc = p->stack[--n];
		i = &p->code[pc];
		switch (i->op) {
		case OP_MATCH:
			return true;
		case OP_JUMP:
			push(p, &n, pc + i->x);
			break;
		case OP_SPLIT:
			push(p, &n, pc + i->x);
			push(p, &n, pc + i->y);
			break;
		case OP_BYTE:
		case OP_ANY:
		case OP_CLASS:
			list->pc[list->n++] = (uint16_t)pc;
			break;
		default:
			if (holds(i, text, at))
				push(p, &n, pc + 1);
		}
	}
	return false;
}

static bool takes(const struct pattern *p, const struct instruction *i, uint8_t byte)
{
	if (i->op == OP_CLASS)
		return class_has(&p->classes[i->x], byte);
	return i->op == OP_ANY ? byte != '\n' : i->byte == byte;
}

bool pattern_match(struct pattern *p, struct str text)
{
	memset(p->seen, 0, p->max_code * sizeof(*p->seen));
	p->round = 1;
	p->now.n = 0;
	for (size_t at = 0;; at++) {
		struct threads swap = p->now;

		if (add_thread(p, &p->now, 0, text, at))
			return true;
		if (at == text.n)
			return false;
		swap.n = p->now.n;
		p->round++;
		p->next.n = 0;
		for (size_t i = 0; i < swap.n; i++) {
			int pc = swap.pc[i];

			if (takes(p, &p->code[pc], (uint8_t)text.p[at]) &&
			    add_thread(p, &p->next, pc + 1, text, at + 1))
				return true;
		}
		p->now = p->next;
		p->next = swap;
	}
}
