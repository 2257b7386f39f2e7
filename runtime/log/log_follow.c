/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/log/log_follow.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "firmware/sched/loop.h"

static struct list followers = LIST_INIT(followers);
static size_t n_followers;
static struct loop_watch watch;
static int inotify_fd = -1;

static void wake(struct follower *f)
{
	f->dirty = true;
	waitq_wake_all(&f->q);
}

static void wake_watchers(int wd, bool ended)
{
	struct follower *f;

	list_for_each (f, &followers, link) {
		if (f->wd != wd)
			continue;
		if (ended)
			f->wd = -1;
		wake(f);
	}
}

static void on_events(struct loop_watch *w, uint32_t events)
{
	_Alignas(struct inotify_event) char block[1024];
	ssize_t n;

	(void)w;
	(void)events;
	while ((n = read(inotify_fd, block, sizeof(block))) > 0) {
		for (char *p = block; p < block + n;) {
			struct inotify_event ev;

			memcpy(&ev, p, sizeof(ev));
			p += sizeof(ev) + ev.len;
			if (ev.mask & IN_Q_OVERFLOW) {
				struct follower *f;

				list_for_each (f, &followers, link)
					wake(f);
			} else {
				wake_watchers(ev.wd, ev.mask & IN_IGNORED);
			}
		}
	}
}

int follow_init(struct err *e)
{
	int r;

	inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (inotify_fd < 0)
		return err_sys(e, errno, "inotify");
	r = loop_watch_add(&watch, inotify_fd, EPOLLIN, on_events);
	if (r < 0) {
		close(inotify_fd);
		inotify_fd = -1;
		return err_sys(e, r, "inotify");
	}
	return 0;
}

int follow_join(struct follower *f, const char *path, struct err *e)
{
	if (n_followers >= CONFIG_LOG_FOLLOWERS)
		return err_set(e, ERR_UNAVAILABLE, "too many clients follow logs");
	*f = (struct follower){.path = path, .wd = -1};
	waitq_init(&f->q);
	list_push_back(&followers, &f->link);
	n_followers++;
	return 0;
}

/* A file has one watch however many follow it: the last one takes it away. */
static void unwatch(struct follower *f)
{
	struct follower *other;
	int wd = f->wd;

	f->wd = -1;
	if (wd < 0)
		return;
	list_for_each (other, &followers, link) {
		if (other->wd == wd)
			return;
	}
	(void)inotify_rm_watch(inotify_fd, wd);
}

void follow_leave(struct follower *f)
{
	unwatch(f);
	list_remove(&f->link);
	n_followers--;
}

void follow_watch(struct follower *f, int fd)
{
	char path[32];
	int wd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	wd = inotify_add_watch(inotify_fd, path,
			       IN_MODIFY | IN_MOVE_SELF | IN_DELETE_SELF | IN_ATTRIB);
	if (wd != f->wd)
		unwatch(f);
	f->wd = wd;
}

int follow_wait(struct follower *f, int64_t deadline)
{
	int r = 0;

	while (!f->dirty && r == 0)
		r = waitq_wait(&f->q, deadline);
	f->dirty = false;
	return r;
}

void follow_wake(const char *path)
{
	struct follower *f;

	list_for_each (f, &followers, link) {
		if (!strcmp(f->path, path))
			wake(f);
	}
}
