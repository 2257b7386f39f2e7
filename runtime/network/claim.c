/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One daemon a bridge: two would give out the same addresses, and each would replace the other's
 * table. Roots and pidfiles do not tell, for these differ; so who uses a bridge holds a lock on a
 * file in /run that is named after the bridge and the network namespace it is in. The lock goes
 * with the process, the file with its orderly end. Without a /run nothing is claimed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firmware/core/cleanup.h"
#include "firmware/core/log.h"
#include "runtime/network/private.h"

enum { CLAIM_PATH_MAX = 96, TRIES = 100 };

static void claim_path(const struct network_system *n, char path[CLAIM_PATH_MAX])
{
	struct stat st = {0};

	(void)fstat(n->host_ns, &st);
	snprintf(path, CLAIM_PATH_MAX, "/run/serin-bridge-%llu-%s", (unsigned long long)st.st_ino,
		 n->info[NETWORK_BRIDGE].bridge);
}

static int in_use(const struct network_system *n, int fd, struct err *e)
{
	char pid[24] = "";
	ssize_t got = pread(fd, pid, sizeof(pid) - 1, 0);

	pid[got > 0 ? got : 0] = '\0';
	pid[strspn(pid, "0123456789")] = '\0';
	return err_set(
		e, ERR_CONFLICT,
		"another daemon%s%s%s uses the bridge %s: choose another one (--bridge, --bip)",
		pid[0] ? ", process " : "", pid, pid[0] ? "," : "", n->info[NETWORK_BRIDGE].bridge);
}

/* Is the file still the one of that name? Whoever had it may have removed it meanwhile. */
static bool is_current(int fd, const char *path)
{
	struct stat own, there;

	return fstat(fd, &own) == 0 && lstat(path, &there) == 0 && own.st_ino == there.st_ino &&
	       own.st_dev == there.st_dev;
}

int network_claim_bridge(struct network_system *n, struct err *e)
{
	char path[CLAIM_PATH_MAX], pid[24];
	int len;

	claim_path(n, path);
	for (int i = 0; i < TRIES; i++) {
		CLEANUP_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0) {
			log_debug("%s: %s: the bridge is not claimed", path, strerror(errno));
			return 0;
		}
		if (flock(fd, LOCK_EX | LOCK_NB) < 0)
			return in_use(n, fd, e);
		if (!is_current(fd, path))
			continue;
		len = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
		/* For the message of the next one only. */
		if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)len, 0) < 0)
			log_debug("%s: %s", path, strerror(errno));
		n->claim_fd = TAKE_FD(fd);
		return 0;
	}
	return 0;
}

void network_release_bridge(struct network_system *n)
{
	char path[CLAIM_PATH_MAX];

	if (n->claim_fd < 0)
		return;
	claim_path(n, path);
	if (is_current(n->claim_fd, path))
		unlink(path);
	close(n->claim_fd);
	n->claim_fd = -1;
}
