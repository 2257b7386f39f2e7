/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/container/top_parse.h"

#include <errno.h>

#define COLUMNS_MAX 256

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\v' || c == '\f' || c == '\r';
}

/* The next word; *rest is what follows, blanks skipped. Empty at the end. */
static struct str next_word(struct str *rest)
{
	struct str word;
	size_t n = 0;

	while (rest->n && is_blank(*rest->p))
		*rest = str_span(rest->p + 1, rest->n - 1);
	while (n < rest->n && !is_blank(rest->p[n]))
		n++;
	word = str_span(rest->p, n);
	*rest = str_span(rest->p + n, rest->n - n);
	return word;
}

static size_t count_words(struct str line)
{
	size_t n = 0;

	while (next_word(&line).n)
		n++;
	return n;
}

/* Split into at most max columns; the last takes the rest, its words joined by one blank. */
static int split(struct str line, size_t max, struct arena *a, struct texts *ret)
{
	size_t words = count_words(line), n = MIN(words, max);
	struct buf last;

	ret->items = arena_alloc_array(a, n + 1, sizeof(*ret->items));
	if (!ret->items)
		return -ENOMEM;
	for (ret->n = 0; ret->n < n; ret->n++) {
		struct str word = next_word(&line);

		if (ret->n + 1 == n && words > n) {
			buf_init(&last, a, line.n + word.n + 2);
			for (; word.n; word = next_word(&line)) {
				if (last.n)
					buf_putc(&last, ' ');
				buf_put_str(&last, word);
			}
			ret->items[ret->n] = last.failed ? NULL : buf_text(&last);
		} else {
			ret->items[ret->n] = arena_strndup(a, word.p, word.n);
		}
		if (!ret->items[ret->n])
			return -ENOMEM;
	}
	return 0;
}

static bool has_pid(const pid_t *pids, size_t n, int64_t pid)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (pids[mid] == pid)
			return true;
		if (pids[mid] < pid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

static struct str word_at(struct str line, size_t index)
{
	struct str word = next_word(&line);

	while (index-- && word.n)
		word = next_word(&line);
	return word;
}

static size_t count_lines(struct str text)
{
	size_t n = 1;

	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	return n;
}

/* 1: the line is wanted. */
static int wanted(struct str line, size_t column, const pid_t *pids, size_t n, bool *after,
		  struct err *e)
{
	struct str word = word_at(line, column);
	int64_t pid;

	if (str_eqz(word, "-"))
		return *after;
	if (str_to_i64(word, &pid) < 0)
		return err_set(e, ERR_SYSTEM, "Unexpected pid '" STR_FMT "'",
			       (int)MIN(word.n, (size_t)64), word.p);
	*after = has_pid(pids, n, pid);
	return *after;
}

int top_parse(struct str text, const pid_t *pids, size_t n_pids, struct arena *a, struct top *ret,
	      struct err *e)
{
	struct top out = {0};
	size_t column = 0;
	bool after = false;

	if (split(str_cut(text, '\n', &text), COLUMNS_MAX, a, &out.titles) < 0)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	while (column < out.titles.n && strcmp(out.titles.items[column], "PID") != 0)
		column++;
	if (column == out.titles.n)
		return err_set(e, ERR_SYSTEM, "Couldn't find PID field in ps output");
	out.rows = arena_alloc_array(a, count_lines(text), sizeof(*out.rows));
	if (!out.rows)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	while (text.n) {
		struct str line = str_cut(text, '\n', &text);
		int r = count_words(line) < out.titles.n - 1 || !line.n
				? 0
				: wanted(line, column, pids, n_pids, &after, e);

		if (r < 0)
			return r;
		if (r && split(line, out.titles.n, a, &out.rows[out.n++]) < 0)
			return err_set(e, ERR_UNAVAILABLE, "no memory");
	}
	*ret = out;
	return 0;
}

int top_check_args(const char *args, struct err *e)
{
	for (const char *eq = args; (eq = strchr(eq, '=')); eq++) {
		const char *begin = eq, *value = eq + 1;
		struct str title, rest;

		while (begin > args && !is_blank(begin[-1]))
			begin--;
		while (is_blank(*value))
			value++;
		if (begin == args || strncmp(value, "PID", 3) != 0)
			continue;
		rest = str_from(value);
		title = next_word(&rest);
		if (!str_eqz(str_span(begin, (size_t)(eq - begin)), "pid"))
			return err_set(e, ERR_INVALID,
				       "specifying \"%.*s=" STR_FMT "\" is not allowed",
				       (int)MIN(eq - begin, 64), begin,
				       (int)MIN(title.n, (size_t)64), title.p);
	}
	return 0;
}
