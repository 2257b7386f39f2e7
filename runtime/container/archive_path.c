/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/container/archive_path.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define GO_DIR (1u << 31)
#define GO_SYMLINK (1u << 27)
#define GO_DEVICE (1u << 26)
#define GO_FIFO (1u << 25)
#define GO_SOCKET (1u << 24)
#define GO_SETUID (1u << 23)
#define GO_SETGID (1u << 22)
#define GO_CHAR (1u << 21)
#define GO_STICKY (1u << 20)

uint32_t go_file_mode(mode_t mode)
{
	static const struct {
		mode_t kind;
		uint32_t bits;
	} kinds[] = {
		{S_IFDIR, GO_DIR},  {S_IFLNK, GO_SYMLINK}, {S_IFBLK, GO_DEVICE},
		{S_IFIFO, GO_FIFO}, {S_IFSOCK, GO_SOCKET}, {S_IFCHR, GO_DEVICE | GO_CHAR},
	};
	uint32_t out = mode & 0777;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if ((mode & S_IFMT) == kinds[i].kind)
			out |= kinds[i].bits;
	if (mode & S_ISUID)
		out |= GO_SETUID;
	if (mode & S_ISGID)
		out |= GO_SETGID;
	if (mode & S_ISVTX)
		out |= GO_STICKY;
	return out;
}

/* Put the components of path behind the n bytes in out; ".." never climbs above the root. */
static int append_clean(char out[ARCHIVE_TEXT_MAX], size_t n, const char *path)
{
	while (*path) {
		size_t len = strcspn(path, "/");

		if (len == 2 && !strncmp(path, "..", 2)) {
			while (n && out[--n] != '/')
				;
		} else if (len && !(len == 1 && *path == '.')) {
			if (n + len + 2 > ARCHIVE_TEXT_MAX)
				return -ENAMETOOLONG;
			out[n++] = '/';
			memcpy(out + n, path, len);
			n += len;
		}
		path += len;
		path += *path == '/';
	}
	if (!n)
		out[n++] = '/';
	out[n] = '\0';
	return 0;
}

int archive_path_parse(const char *path, char out[ARCHIVE_TEXT_MAX], enum path_ending *ret)
{
	size_t n = strlen(path);

	*ret = ENDING_NONE;
	if (n && path[n - 1] == '/')
		*ret = ENDING_SLASH;
	else if (n && path[n - 1] == '.' && (n == 1 || path[n - 2] == '/'))
		*ret = ENDING_DOT;
	return append_clean(out, 0, path);
}

int archive_path_join(const char *dir, const char *path, char out[ARCHIVE_TEXT_MAX])
{
	int r;

	if (*path == '/')
		return append_clean(out, 0, path);
	r = append_clean(out, 0, dir);
	return r < 0 ? r : append_clean(out, out[1] ? strlen(out) : 0, path);
}

const char *archive_path_base(const char *clean, enum path_ending ending)
{
	if (ending == ENDING_DOT)
		return ".";
	return clean[1] ? strrchr(clean, '/') + 1 : "/";
}

static bool lies_in(const char *path, const char *dir, size_t n)
{
	while (n > 1 && dir[n - 1] == '/')
		n--;
	return n == 1 || (!strncmp(path, dir, n) && (!path[n] || path[n] == '/'));
}

const struct container_mount *archive_mount_of(const struct container_mount *mounts, size_t n,
					       const char *path)
{
	const struct container_mount *best = NULL;
	size_t best_n = 0;

	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(mounts[i].destination);

		if (len > best_n && lies_in(path, mounts[i].destination, len)) {
			best = &mounts[i];
			best_n = len;
		}
	}
	return best;
}
