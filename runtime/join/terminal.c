/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pseudo-terminal of the container's own, so that its name means something there. The other end
 * is had from the master, not by its name: what stands at that name is the container's choice.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/join/private.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

void terminal_open(struct join_task *t)
{
	struct winsize ws = {.ws_row = t->doc.height, .ws_col = t->doc.width};
	struct join_message m = {.kind = JOIN_TERMINAL};
	int master, peer, unlocked = 0;
	struct stat st;

	master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (master < 0)
		task_fail_errno(t, errno, "open /dev/ptmx");
	if (fstat(master, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2))
		task_fail_errno(t, ENOTTY, "open /dev/ptmx");
	if (ioctl(master, TIOCSPTLCK, &unlocked) < 0)
		task_fail_errno(t, errno, "unlocking the terminal");
	peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (peer < 0)
		task_fail_errno(t, errno, "opening the terminal");
	if (ws.ws_row && ws.ws_col)
		(void)ioctl(peer, TIOCSWINSZ, &ws);
	task_send(t, &m, master);
	close(master);
	for (int i = 0; i < 3; i++) {
		if (dup2(peer, i) < 0)
			task_fail_errno(t, errno, "opening the terminal");
	}
	if (peer > 2)
		close(peer);
	if (ioctl(0, TIOCSCTTY, 0) < 0)
		task_fail_errno(t, errno, "setting the controlling terminal");
}

/* The process must be able to open /dev/stdout again, whoever it is. */
void terminal_own_stdio(struct join_task *t)
{
	for (int i = 0; i < 3; i++) {
		struct stat st;

		if (fstat(i, &st) < 0 || (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)) ||
		    st.st_uid == t->doc.uid)
			continue;
		(void)!fchown(i, t->doc.uid, st.st_gid);
	}
}
