/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/network/link.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "firmware/core/cleanup.h"
#include "firmware/core/mem.h"
#include "firmware/core/str.h"

enum { SWEEP_MAX = 1024 }; /* a bridge has no more ports */

int sysctl_write(const char *path, const char *value, struct err *e)
{
	CLEANUP_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t n = strlen(value);
	char now[8];

	if (fd >= 0 && write(fd, value, n) == (ssize_t)n)
		return 0;
	n = (size_t)errno;
	/* Where /proc/sys is read-only, it may already say what we want. */
	if (n == EROFS || n == EACCES || n == EPERM) {
		CLEANUP_FD int in = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t got = in < 0 ? -1 : read(in, now, sizeof(now));

		if (got > 0 && now[0] == value[0] && (got == 1 || now[1] == '\n'))
			return 0;
	}
	return err_sys(e, (int)n, "%s", path);
}

static void copy_text(char *dst, size_t size, const struct nlattr *a)
{
	struct str text = {NULL, 0};

	if (a)
		text = str_span(nl_attr_data(a), strnlen(nl_attr_data(a), nl_attr_len(a)));
	(void)str_copy(dst, size, text);
}

static int read_link(const struct nlmsghdr *h, struct link_state *l, char *name, size_t name_size)
{
	const struct ifinfomsg *body = NLMSG_DATA(h);
	const struct nlattr *a;

	*l = (struct link_state){0};
	if (h->nlmsg_type != RTM_NEWLINK || h->nlmsg_len < NLMSG_LENGTH(sizeof(*body)))
		return -EBADMSG;
	l->index = body->ifi_index;
	l->up = body->ifi_flags & IFF_UP;
	copy_text(l->alias, sizeof(l->alias), nl_answer_attr(h, sizeof(*body), IFLA_IFALIAS));
	if (name)
		copy_text(name, name_size, nl_answer_attr(h, sizeof(*body), IFLA_IFNAME));
	a = nl_answer_attr(h, sizeof(*body), IFLA_ADDRESS);
	if (a && nl_attr_len(a) == sizeof(l->mac))
		memcpy(l->mac, nl_attr_data(a), sizeof(l->mac));
	a = nl_answer_attr(h, sizeof(*body), IFLA_LINKINFO);
	if (a)
		copy_text(l->kind, sizeof(l->kind),
			  nl_attr_find(nl_attr_data(a), nl_attr_len(a), IFLA_INFO_KIND));
	return 0;
}

static int take_link(const struct nlmsghdr *h, void *arg)
{
	return read_link(h, arg, NULL, 0);
}

static void put_link(struct nl_msg *m, uint16_t type, uint16_t flags, const char *name,
		     unsigned int ifi_flags, unsigned int ifi_change)
{
	struct ifinfomsg *body = nl_msg_begin(m, type, flags, sizeof(*body));

	if (!body)
		return;
	body->ifi_flags = ifi_flags;
	body->ifi_change = ifi_change;
	if (name)
		nl_put_text(m, IFLA_IFNAME, name);
	nl_msg_end(m);
}

int link_get(struct nl_socket *s, const char *name, struct link_state *ret, struct err *e)
{
	struct link_state found = {0};
	char buf[128];
	struct nl_msg m;
	int r;

	nl_msg_init(&m, buf, sizeof(buf));
	put_link(&m, RTM_GETLINK, 0, name, 0, 0);
	r = nl_query(s, &m, take_link, &found, e);
	if (r == -ENODEV) {
		err_clear(e);
		found = (struct link_state){0};
	} else if (r < 0) {
		return err_wrap(e, "link %s", name);
	}
	*ret = found;
	return 0;
}

int link_delete(struct nl_socket *s, const char *name, struct err *e)
{
	char buf[128];
	struct nl_msg m;
	int r;

	nl_msg_init(&m, buf, sizeof(buf));
	put_link(&m, RTM_DELLINK, 0, name, 0, 0);
	r = nl_transact(s, &m, e);
	if (r == -ENODEV) {
		err_clear(e);
		return 0;
	}
	return r < 0 ? err_wrap(e, "delete link %s", name) : 0;
}

int link_down(struct nl_socket *s, const char *name, struct err *e)
{
	char buf[128];
	struct nl_msg m;
	int r;

	nl_msg_init(&m, buf, sizeof(buf));
	put_link(&m, RTM_SETLINK, 0, name, 0, IFF_UP);
	r = nl_transact(s, &m, e);
	if (r == -ENODEV) {
		err_clear(e);
		return 0;
	}
	return r < 0 ? err_wrap(e, "set link %s down", name) : 0;
}

/* --- sweep --- */

struct sweep {
	char alias[LINK_ALIAS_MAX];
	bool (*keep)(const char *name, const void *arg);
	const void *arg;
	char (*names)[LINK_NAME_MAX];
	size_t n;
};

static int sweep_link(const struct nlmsghdr *h, void *arg)
{
	struct sweep *s = arg;
	struct link_state l;
	char name[LINK_NAME_MAX];

	if (read_link(h, &l, name, sizeof(name)) < 0 || !strz_eq(l.kind, "veth") ||
	    !strz_starts(l.alias, s->alias) || s->n == SWEEP_MAX || s->keep(name, s->arg))
		return 0;
	memcpy(s->names[s->n++], name, sizeof(name));
	return 0;
}

int link_sweep(struct nl_socket *s, const char *bridge,
	       bool (*keep)(const char *name, const void *arg), const void *arg, struct err *e)
{
	CLEANUP_MEM void *names = mem_alloc_array(SWEEP_MAX, LINK_NAME_MAX);
	struct sweep sweep = {.keep = keep, .arg = arg, .names = names};
	char buf[128];
	struct nl_msg m;
	int r;

	if (!names)
		return err_sys(e, ENOMEM, "links");
	(void)snprintf(sweep.alias, sizeof(sweep.alias), "serin:%s:", bridge);
	nl_msg_init(&m, buf, sizeof(buf));
	put_link(&m, RTM_GETLINK, NLM_F_DUMP, NULL, 0, 0);
	r = nl_query(s, &m, sweep_link, &sweep, e);
	if (r < 0)
		return err_wrap(e, "links");
	for (size_t i = 0; i < sweep.n; i++) {
		r = link_delete(s, sweep.names[i], e);
		if (r < 0)
			return r;
	}
	return (int)sweep.n;
}
