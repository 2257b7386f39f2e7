/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules are those the engine's own resolver follows: a number matches by number and may be
 * absent from the files, a name must be there; supplementary groups come from memberships and only
 * when no group was named. Lines that are not well formed are skipped.
 */
#include "firmware/core/passwd.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#define ID_MAX 2147483647u

/* The next line that is neither blank nor a comment. */
static bool next_line(struct str *text, struct str *ret_line)
{
	while (text->n) {
		struct str line = str_cut(*text, '\n', text);

		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		line = str_trim(line);
		if (line.n && line.p[0] != '#') {
			*ret_line = line;
			return true;
		}
	}
	return false;
}

static bool parse_id(struct str s, uint32_t *ret)
{
	uint64_t v;

	/* The last number means "unchanged" to the kernel. */
	if (str_to_u64(s, &v) < 0 || v >= UINT32_MAX)
		return false;
	*ret = (uint32_t)v;
	return true;
}

struct user_line {
	struct str name, home;
	uint32_t uid, gid;
};

static bool next_user(struct str *text, struct user_line *u)
{
	struct str line, field;

	while (next_line(text, &line)) {
		u->name = str_cut(line, ':', &line);
		str_cut(line, ':', &line); /* password */
		field = str_cut(line, ':', &line);
		if (!parse_id(field, &u->uid))
			continue;
		field = str_cut(line, ':', &line);
		if (!parse_id(field, &u->gid))
			continue;
		str_cut(line, ':', &line); /* full name */
		u->home = str_cut(line, ':', &line);
		return true;
	}
	return false;
}

struct group_line {
	struct str name, members;
	uint32_t gid;
};

static bool next_group(struct str *text, struct group_line *g)
{
	struct str line, field;

	while (next_line(text, &line)) {
		g->name = str_cut(line, ':', &line);
		str_cut(line, ':', &line); /* password */
		field = str_cut(line, ':', &line);
		if (!parse_id(field, &g->gid))
			continue;
		g->members = str_cut(line, ':', &line);
		return true;
	}
	return false;
}

static bool is_member(struct str members, struct str name)
{
	while (members.n) {
		if (str_eq(str_cut(members, ',', &members), name))
			return true;
	}
	return false;
}

static bool is_number(struct str s)
{
	size_t sign = s.n && (s.p[0] == '-' || s.p[0] == '+');

	for (size_t i = sign; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	}
	return s.n > sign;
}

static int id_in_range(struct str s, uint32_t *ret, struct err *e)
{
	if (s.p[0] == '+')
		s = (struct str){s.p + 1, s.n - 1};
	if (!parse_id(s, ret) || *ret > ID_MAX)
		return err_set(e, ERR_INVALID, "uids and gids must be in range 0-%u", ID_MAX);
	return 0;
}

int group_resolve(struct str name, struct str group, uint32_t *ret_gid, struct err *e)
{
	struct group_line g;
	bool number = is_number(name);
	uint32_t gid = 0;
	int r;

	if (number) {
		r = id_in_range(name, &gid, e);
		if (r < 0)
			return r;
		*ret_gid = gid;
		return 0;
	}
	while (name.n && next_group(&group, &g)) {
		if (str_eq(g.name, name)) {
			*ret_gid = g.gid;
			return 0;
		}
	}
	return err_set(e, ERR_INVALID,
		       "unable to find group " STR_FMT ": no matching entries in group file",
		       STR_ARG(name));
}

static int resolve_user(struct str name, struct str passwd, struct passwd_user *u,
			struct str *ret_name, struct err *e)
{
	struct user_line line;
	bool number = name.n == 0 || is_number(name);
	uint32_t uid = 0;

	if (name.n && number && id_in_range(name, &uid, e) < 0)
		return -EINVAL;
	while (next_user(&passwd, &line)) {
		if (number ? line.uid != uid : !str_eq(line.name, name))
			continue;
		u->uid = line.uid;
		u->gid = line.gid;
		if (line.home.n == 0 || !str_copy(u->home, sizeof(u->home), line.home))
			str_copy(u->home, sizeof(u->home), STR("/"));
		*ret_name = line.name;
		return 0;
	}
	if (!number)
		return err_set(e, ERR_INVALID,
			       "unable to find user " STR_FMT
			       ": no matching entries in passwd file",
			       STR_ARG(name));
	u->uid = uid;
	return 0;
}

int passwd_resolve(struct str spec, struct str passwd, struct str group,
		   struct passwd_user *ret_user, struct err *e)
{
	struct passwd_user u = {.home = "/"};
	struct str group_name = {0}, name = {0};
	struct str user = str_cut(spec, ':', &group_name);
	struct group_line g;
	int r;

	r = resolve_user(user, passwd, &u, &name, e);
	if (r < 0)
		return r;
	if (group_name.n) {
		r = group_resolve(group_name, group, &u.gid, e);
		if (r < 0)
			return r;
	} else if (name.n) {
		while (u.n_groups < PASSWD_GROUPS_MAX && next_group(&group, &g)) {
			if (is_member(g.members, name))
				u.groups[u.n_groups++] = g.gid;
		}
	}
	*ret_user = u;
	return 0;
}
