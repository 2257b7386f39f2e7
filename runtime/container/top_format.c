/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words are of two kinds, as with any ps of Linux: those with a dash (-ef, -l, -o LIST) and those
 * without (aux, l, o LIST). Each kind has its own usual columns; a list of columns excludes them.
 */
#include "runtime/container/top_format.h"

#include <errno.h>
#include <string.h>

struct top_words {
	bool full, extra, longer, jobs, short_long; /* -f -F -l -j -y */
	bool plain, user, plain_long, plain_jobs;   /* any word without a dash; u, l, j in one */
	bool listed;
	struct arena *a;
	struct top_format *out;
	struct err *e;
};

static int add(struct top_words *w, const struct top_column *column, const char *title)
{
	if (w->out->n == TOP_FIELDS_MAX)
		return err_set(w->e, ERR_INVALID, "error: more than %d columns", TOP_FIELDS_MAX);
	w->out->fields[w->out->n++] = (struct top_field){column, title};
	return 0;
}

/* "pid,user=WHO,comm" */
static int add_list(struct top_words *w, struct str list)
{
	do {
		struct str title, one = str_cut(list, ',', &list);
		bool named = str_find(one, '=') >= 0;
		struct str name = str_cut(one, '=', &title);
		const struct top_column *column = top_column_find(name);
		const char *copy;
		int r;

		if (!name.n)
			return err_set(w->e, ERR_INVALID, "error: improper format list");
		if (!column)
			return err_set(w->e, ERR_INVALID,
				       "error: unknown user-defined format specifier \"" STR_FMT
				       "\"",
				       (int)MIN(name.n, (size_t)64), name.p);
		copy = named ? arena_strndup(w->a, title.p, title.n) : column->title;
		if (!copy)
			return err_set(w->e, ERR_UNAVAILABLE, "no memory");
		r = add(w, column, copy);
		if (r < 0)
			return r;
	} while (list.n);
	return 0;
}

/* What follows an o: the rest of its word, or the next one. */
static int take_list(struct top_words *w, struct str rest, struct str *args)
{
	while (!rest.n && args->n)
		rest = str_cut(*args, ' ', args);
	w->listed = true;
	if (!rest.n || rest.p[rest.n - 1] == ',')
		return err_set(w->e, ERR_INVALID, "error: improper format list");
	return add_list(w, rest);
}

static bool take_dash(struct top_words *w, char c)
{
	switch (c) {
	case 'A': /* which processes, and how wide */
	case 'a':
	case 'd':
	case 'e':
	case 'w':
	case 'x':
		return true;
	case 'F':
		w->extra = true;
		/* fallthrough */
	case 'f':
		return w->full = true;
	case 'l':
		return w->longer = true;
	case 'j':
		return w->jobs = true;
	case 'y':
		return w->short_long = true;
	default:
		return false;
	}
}

static bool take_plain(struct top_words *w, char c)
{
	switch (c) {
	case 'a': /* which processes, and how wide */
	case 'g':
	case 'w':
	case 'x':
		return true;
	case 'u':
		return w->user = true;
	case 'l':
		return w->plain_long = true;
	case 'j':
		return w->plain_jobs = true;
	default:
		return false;
	}
}

/* "-aux" and the like mean aux: nobody is called x. */
static bool is_dashed_aux(struct str word)
{
	bool u = false, x = false;

	for (size_t i = 1; i < word.n; i++) {
		u = u || word.p[i] == 'u';
		x = x || word.p[i] == 'x';
		if (!memchr("auwx", word.p[i], 4))
			return false;
	}
	return u && x;
}

static int take_word(struct top_words *w, struct str word, struct str *args)
{
	static const char format[] = "--format";
	struct str rest;
	bool dash = word.p[0] == '-' && !is_dashed_aux(word);

	if (str_starts(word, format) && (word.n == sizeof(format) - 1 || word.p[8] == '=')) {
		str_cut(word, '=', &rest);
		return take_list(w, rest, args);
	}
	w->plain = w->plain || !dash;
	for (size_t i = word.p[0] == '-'; i < word.n || word.n == 1; i++) {
		if (i < word.n && word.p[i] == 'o')
			return take_list(w, str_span(word.p + i + 1, word.n - i - 1), args);
		if (i >= word.n || !(dash ? take_dash : take_plain)(w, word.p[i]))
			return err_set(
				w->e, ERR_NOT_IMPLEMENTED,
				"there is no ps here, and serind's own does not know \"" STR_FMT
				"\"",
				(int)MIN(word.n, (size_t)64), word.p);
		if (word.n == 1)
			break;
	}
	return 0;
}

static int add_dash_format(struct top_words *w)
{
	bool wide = w->full || w->longer;
	const struct {
		bool wanted;
		const char *list;
	} parts[] = {
		{w->longer && !w->short_long, "f"},
		{w->longer, "s"},
		{wide, w->full ? "user=UID" : "uid"},
		{true, "pid"},
		{wide, "ppid"},
		{w->jobs, "pgid,sid"},
		{wide, "c"},
		{w->longer, "opri,ni"},
		{w->longer, w->short_long ? "rss" : "addr"},
		{w->longer || w->extra, "sz"},
		{w->longer, "wchan"},
		{w->extra && !w->short_long, "rss"},
		{w->extra, "psr"},
		{w->full, "stime"},
		{true, w->full ? "tname,time,cmd" : "tname,time,ucmd"},
	};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		int r = parts[i].wanted ? add_list(w, str_from(parts[i].list)) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

static int add_format(struct top_words *w)
{
	const char *list = "pid,tname,stat,bsdtime,args";
	int dashed = w->full || w->longer || w->jobs;
	int plain = w->user + w->plain_long + w->plain_jobs;

	/* A list goes with -f, as everybody writes it; with the others it does not. */
	if (w->short_long && !w->longer)
		return err_set(w->e, ERR_INVALID,
			       "error: modifier -y without format -l makes no sense");
	if (plain + dashed > 1 || (w->listed && (plain || w->longer || w->jobs)))
		return err_set(w->e, ERR_INVALID, "error: conflicting format options");
	if (w->listed)
		return 0;
	if (!w->plain || dashed)
		return add_dash_format(w);
	if (w->user)
		list = "user,pid,pcpu,pmem,vsz,rss,tname,stat,start_time,bsdtime,args";
	else if (w->plain_long)
		list = "f,uid,pid,ppid,priority,ni,vsz,rss,wchan,stat,tname,bsdtime,args";
	else if (w->plain_jobs)
		list = "ppid,pid,pgid,sid,tname,tpgid,stat,uid,bsdtime,args";
	return add_list(w, str_from(list));
}

int top_format_parse(const char *args, struct arena *a, struct top_format *ret, struct err *e)
{
	struct top_format *out = arena_alloc(a, sizeof(*out));
	struct top_words w = {.a = a, .out = out, .e = e};
	struct str left = str_from(args);
	int r = 0;

	if (!out)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	memset(out, 0, sizeof(*out));
	w.full = !*args; /* the engine's own choice */
	while (r == 0 && left.n) {
		struct str word = str_cut(left, ' ', &left);

		if (word.n)
			r = take_word(&w, word, &left);
	}
	if (r == 0)
		r = add_format(&w);
	if (r < 0)
		return r;
	for (size_t i = 0; i < out->n; i++) {
		if (!strcmp(out->fields[i].title, "PID")) {
			*ret = *out;
			return 0;
		}
	}
	return err_set(e, ERR_SYSTEM, "Couldn't find PID field in ps output");
}
