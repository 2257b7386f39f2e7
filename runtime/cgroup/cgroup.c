/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/cgroup/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "firmware/core/cleanup.h"
#include "firmware/core/file.h"
#include "runtime/cgroup/parse.h"

#define ROOT "/sys/fs/cgroup"
#define FILE_MAX (256u << 10)
#define NAME_MAX_ (CGROUP_PATH_MAX + 96)
#define REMOVE_TRIES 20
#define REMOVE_PAUSE_US 5000

static int file_name(const struct cgroup *cg, const char *controller, const char *file,
		     char out[NAME_MAX_])
{
	bool whole =
		cg->v2 ? text_format(out, NAME_MAX_, ROOT "%s/%s", cg->path, file)
		       : text_format(out, NAME_MAX_, ROOT "/%s%s/%s", controller, cg->path, file);

	return whole ? 0 : -ENAMETOOLONG;
}

int cgroup_open(const struct cgroup *cg, const char *controller)
{
	char name[NAME_MAX_];
	int fd, r = file_name(cg, controller, "", name);

	if (r < 0)
		return r;
	fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int cgroup_read(const struct cgroup *cg, const char *controller, const char *file, struct arena *a,
		struct str *ret)
{
	char name[NAME_MAX_];
	int r = file_name(cg, controller, file, name);

	return r < 0 ? r : file_read_at(AT_FDCWD, name, FILE_MAX, a, ret, NULL);
}

struct str cgroup_read_line(const struct cgroup *cg, const char *controller, const char *file,
			    char out[CGROUP_LINE_MAX])
{
	char name[NAME_MAX_];
	CLEANUP_FD int fd = -1;
	ssize_t n;

	if (file_name(cg, controller, file, name) < 0)
		return STR("");
	fd = open(name, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, out, CGROUP_LINE_MAX);
	return n <= 0 ? STR("") : str_cut(str_span(out, (size_t)n), '\n', &(struct str){0});
}

uint64_t cgroup_read_u64(const struct cgroup *cg, const char *controller, const char *file)
{
	char text[CGROUP_LINE_MAX];
	struct str line = cgroup_read_line(cg, controller, file, text);

	return line.n ? cgroup_parse_u64(line) : CGROUP_NONE;
}

int cgroup_write(const struct cgroup *cg, const char *controller, const char *file,
		 const char *text)
{
	char name[NAME_MAX_];
	CLEANUP_FD int fd = -1;
	int r = file_name(cg, controller, file, name);

	if (r < 0)
		return r;
	fd = open(name, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fd_write_all(fd, text, strlen(text));
}

/* True when somebody is in it still. */
static bool remove_once(const struct cgroup *cg)
{
	DIR *dir = cg->v2 ? NULL : opendir(ROOT);
	char name[NAME_MAX_];
	struct dirent *ent;
	bool busy = false;

	if (cg->v2 && file_name(cg, "", "", name) == 0)
		busy = rmdir(name) < 0 && errno == EBUSY;
	while (dir && (ent = readdir(dir)) != NULL)
		if (ent->d_name[0] != '.' && file_name(cg, ent->d_name, "", name) == 0)
			busy |= rmdir(name) < 0 && errno == EBUSY;
	if (dir)
		closedir(dir);
	return busy;
}

void cgroup_remove(const struct cgroup *cg)
{
	/* Who was killed takes a moment to be gone. */
	for (int tries = 0; tries < REMOVE_TRIES && remove_once(cg); tries++)
		usleep(REMOVE_PAUSE_US);
}
