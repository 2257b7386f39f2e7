/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading expressions and shell patterns into programs. A piece of program stands as soon as it is
 * read; an operator that turns out to stand before it is put in front, which is why jumps are
 * relative.
 */
#include "firmware/fmt/pattern_program.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

struct parser {
	struct pattern *p;
	struct str rest;
	unsigned depth;
};

static int parse_alternatives(struct parser *s);

/* --- the program --- */

static int emit(struct pattern *p, struct instruction i)
{
	if (p->n_code == p->max_code)
		return -EINVAL;
	p->code[p->n_code++] = i;
	return 0;
}

static int insert(struct pattern *p, uint16_t at, struct instruction i)
{
	if (p->n_code == p->max_code)
		return -EINVAL;
	memmove(&p->code[at + 1], &p->code[at], (size_t)(p->n_code - at) * sizeof(*p->code));
	p->code[at] = i;
	p->n_code++;
	return 0;
}

static struct class *new_class(struct pattern *p)
{
	if (p->n_classes == p->max_classes)
		return NULL;
	p->classes[p->n_classes] = (struct class){{0}};
	return &p->classes[p->n_classes++];
}

static void class_add(struct class *c, unsigned first, unsigned last)
{
	for (; first <= last; first++)
		c->bits[first / 8] = (uint8_t)(c->bits[first / 8] | 1u << first % 8);
}

static void class_invert(struct class *c)
{
	for (size_t i = 0; i < sizeof(c->bits); i++)
		c->bits[i] = (uint8_t)~c->bits[i];
}

/* The bytes of \d \w \s and of \D \W \S. -EINVAL: another letter. */
static int class_add_named(struct class *c, char name)
{
	struct class named = {{0}};

	switch (name | 0x20) {
	case 'd':
		class_add(&named, '0', '9');
		break;
	case 'w':
		class_add(&named, '0', '9');
		class_add(&named, 'A', 'Z');
		class_add(&named, '_', '_');
		class_add(&named, 'a', 'z');
		break;
	case 's':
		class_add(&named, '\t', '\n');
		class_add(&named, '\f', '\r');
		class_add(&named, ' ', ' ');
		break;
	default:
		return -EINVAL;
	}
	if (!(name & 0x20))
		class_invert(&named);
	for (size_t i = 0; i < sizeof(c->bits); i++)
		c->bits[i] |= named.bits[i];
	return 0;
}

/* --- reading --- */

static int peek(const struct parser *s)
{
	return s->rest.n ? (uint8_t)s->rest.p[0] : -1;
}

static int take(struct parser *s)
{
	int c = peek(s);

	if (c >= 0)
		s->rest = str_span(s->rest.p + 1, s->rest.n - 1);
	return c;
}

static bool eat(struct parser *s, const char *text)
{
	if (!str_starts(s->rest, text))
		return false;
	s->rest = str_span(s->rest.p + strlen(text), s->rest.n - strlen(text));
	return true;
}

static int hex_value(int c)
{
	return isdigit(c) ? c - '0' : isxdigit(c) ? (c | 0x20) - 'a' + 10 : -1;
}

/* What follows a backslash, when it stands for one byte. */
static int escaped_byte(struct parser *s)
{
	static const char letters[] = "afnrtv", bytes[] = "\a\f\n\r\t\v";
	int c = take(s);
	const char *at;

	if (c < 0)
		return -EINVAL;
	if (c == 'x') {
		int high = hex_value(take(s)), low = hex_value(take(s));

		return high < 0 || low < 0 ? -EINVAL : high << 4 | low;
	}
	at = strchr(letters, c);
	if (at && *at)
		return bytes[at - letters];
	return isalnum(c) || c >= 0x80 ? -EINVAL : c;
}

static int parse_escape(struct parser *s)
{
	static const struct {
		char letter;
		uint8_t op;
	} places[] = {{'A', OP_START}, {'z', OP_END}, {'b', OP_WORD}, {'B', OP_NOT_WORD}};
	int c = peek(s);
	struct class *set;

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		if (c == places[i].letter) {
			take(s);
			return emit(s->p, (struct instruction){.op = places[i].op});
		}
	}
	if (c >= 0 && strchr("dDwWsS", c)) {
		take(s);
		set = new_class(s->p);
		if (!set || class_add_named(set, (char)c) < 0)
			return -EINVAL;
		return emit(s->p, (struct instruction){.op = OP_CLASS,
						       .x = (int16_t)(set - s->p->classes)});
	}
	c = escaped_byte(s);
	return c < 0 ? c : emit(s->p, (struct instruction){.op = OP_BYTE, .byte = (uint8_t)c});
}

/* One end of a range, or a named class (then -EAGAIN: it was added). */
static int class_byte(struct parser *s, struct class *set)
{
	int c = take(s);

	if (c == '[' && peek(s) == ':')
		return -EINVAL;
	if (c != '\\')
		return c < 0 ? -EINVAL : c;
	c = peek(s);
	if (c >= 0 && strchr("dDwWsS", c)) {
		take(s);
		return class_add_named(set, (char)c) < 0 ? -EINVAL : -EAGAIN;
	}
	return escaped_byte(s);
}

static int parse_class(struct parser *s)
{
	struct class *set = new_class(s->p);
	bool inverted = eat(s, "^"), first = true;

	if (!set)
		return -EINVAL;
	for (; first || peek(s) != ']'; first = false) {
		int low = class_byte(s, set), high = low;

		if (low == -EAGAIN)
			continue;
		if (low >= 0 && s->rest.n > 1 && s->rest.p[0] == '-' && s->rest.p[1] != ']') {
			take(s);
			high = class_byte(s, set);
		}
		if (low < 0 || high < low)
			return -EINVAL;
		class_add(set, (unsigned)low, (unsigned)high);
	}
	take(s);
	if (inverted)
		class_invert(set);
	return emit(s->p,
		    (struct instruction){.op = OP_CLASS, .x = (int16_t)(set - s->p->classes)});
}

static int parse_group(struct parser *s)
{
	int r;

	if (!eat(s, "?:") && peek(s) == '?')
		return -EINVAL;
	if (s->depth == PATTERN_DEPTH)
		return -EINVAL;
	s->depth++;
	r = parse_alternatives(s);
	s->depth--;
	return r < 0 ? r : take(s) == ')' ? 0 : -EINVAL;
}

static int parse_atom(struct parser *s)
{
	int c = take(s);

	switch (c) {
	case '(':
		return parse_group(s);
	case '[':
		return parse_class(s);
	case '\\':
		return parse_escape(s);
	case '.':
		return emit(s->p, (struct instruction){.op = OP_ANY});
	case '^':
		return emit(s->p, (struct instruction){.op = OP_START});
	case '$':
		return emit(s->p, (struct instruction){.op = OP_END});
	case '*':
	case '+':
	case '?':
		return -EINVAL; /* nothing to repeat */
	default:
		return emit(s->p, (struct instruction){.op = OP_BYTE, .byte = (uint8_t)c});
	}
}

/* The operator after the piece of program that begins at `start`. */
static int parse_repeat(struct parser *s, uint16_t start)
{
	struct pattern *p = s->p;
	int16_t n = (int16_t)(p->n_code - start);
	int c = peek(s), r = 0;

	if (c == '{' && s->rest.n > 1 && isdigit((unsigned char)s->rest.p[1]))
		return -EINVAL;
	if (c != '*' && c != '+' && c != '?')
		return 0;
	take(s);
	eat(s, "?"); /* lazy: the same set of texts */
	if (c == '+')
		return emit(p, (struct instruction){.op = OP_SPLIT, .x = (int16_t)-n, .y = 1});
	r = insert(p, start,
		   (struct instruction){
			   .op = OP_SPLIT, .x = 1, .y = (int16_t)(c == '*' ? n + 2 : n + 1)});
	if (r == 0 && c == '*')
		r = emit(p, (struct instruction){.op = OP_JUMP, .x = (int16_t)(-n - 1)});
	return r;
}

static int parse_sequence(struct parser *s)
{
	while (s->rest.n && peek(s) != '|' && peek(s) != ')') {
		uint16_t start = s->p->n_code;
		int r = parse_atom(s);

		if (r == 0)
			r = parse_repeat(s, start);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Each alternative but the last ends in a jump to the end; until that is known, to the one before.
 */
static int parse_alternatives(struct parser *s)
{
	struct pattern *p = s->p;
	int before = -1;

	for (;;) {
		uint16_t start = p->n_code;
		int r = parse_sequence(s);

		if (r < 0)
			return r;
		if (!eat(s, "|"))
			break;
		r = insert(p, start,
			   (struct instruction){
				   .op = OP_SPLIT, .x = 1, .y = (int16_t)(p->n_code - start + 2)});
		if (r == 0)
			r = emit(p, (struct instruction){.op = OP_JUMP, .x = (int16_t)before});
		if (r < 0)
			return r;
		before = p->n_code - 1;
	}
	while (before >= 0) {
		int earlier = p->code[before].x;

		p->code[before].x = (int16_t)(p->n_code - before);
		before = earlier;
	}
	return 0;
}

/* Room for what n bytes of text may come to. */
static struct pattern *new_pattern(struct str text, struct arena *a)
{
	struct pattern *p = arena_alloc(a, sizeof(*p));

	if (!p)
		return NULL;
	p->max_code = (uint16_t)(3 * text.n + 3); /* no byte comes to more than three */
	for (size_t i = 0; i < text.n; i++)
		p->max_classes = (uint16_t)(p->max_classes + !!strchr("[\\*?", text.p[i]));
	p->code = arena_alloc_array(a, p->max_code, sizeof(*p->code));
	p->classes = arena_alloc_array(a, p->max_classes, sizeof(*p->classes));
	p->now.pc = arena_alloc_array(a, p->max_code, sizeof(*p->now.pc));
	p->next.pc = arena_alloc_array(a, p->max_code, sizeof(*p->next.pc));
	p->stack = arena_alloc_array(a, p->max_code, sizeof(*p->stack));
	p->seen = arena_alloc_array(a, p->max_code, sizeof(*p->seen));
	if (!p->code || !p->classes || !p->now.pc || !p->next.pc || !p->stack || !p->seen)
		return NULL;
	return p;
}

int pattern_compile(struct str text, struct arena *a, struct pattern **ret)
{
	struct parser s = {.rest = text};
	int r;

	if (text.n > PATTERN_MAX)
		return -EINVAL;
	s.p = new_pattern(text, a);
	if (!s.p)
		return -ENOMEM;
	r = parse_alternatives(&s);
	if (r == 0 && s.rest.n)
		r = -EINVAL; /* a closing parenthesis too many */
	if (r == 0)
		r = emit(s.p, (struct instruction){.op = OP_MATCH});
	if (r == 0)
		*ret = s.p;
	return r;
}

/* All but a slash, once (?) or any number of times (*). */
static int glob_some(struct pattern *p, int c)
{
	struct class *set = new_class(p);
	struct instruction some = {.op = OP_CLASS};
	int r = 0;

	if (!set)
		return -EINVAL;
	class_add(set, '/', '/');
	class_invert(set);
	some.x = (int16_t)(set - p->classes);
	if (c == '?')
		return emit(p, some);
	r = emit(p, (struct instruction){.op = OP_SPLIT, .x = 1, .y = 3});
	if (r == 0)
		r = emit(p, some);
	if (r == 0)
		r = emit(p, (struct instruction){.op = OP_JUMP, .x = -2});
	return r;
}

static int glob_piece(struct parser *s)
{
	int c = take(s);

	if (c == '*' || c == '?')
		return glob_some(s->p, c);
	if (c == '[')
		return parse_class(s);
	if (c == '\\')
		c = take(s);
	return c < 0 ? -EINVAL
		     : emit(s->p, (struct instruction){.op = OP_BYTE, .byte = (uint8_t)c});
}

int pattern_compile_glob(struct str text, struct arena *a, struct pattern **ret)
{
	struct parser s = {.rest = text};
	int r;

	if (text.n > PATTERN_MAX)
		return -EINVAL;
	s.p = new_pattern(text, a);
	if (!s.p)
		return -ENOMEM;
	r = emit(s.p, (struct instruction){.op = OP_START});
	while (r == 0 && s.rest.n)
		r = glob_piece(&s);
	if (r == 0)
		r = emit(s.p, (struct instruction){.op = OP_END});
	if (r == 0)
		r = emit(s.p, (struct instruction){.op = OP_MATCH});
	if (r == 0)
		*ret = s.p;
	return r;
}
