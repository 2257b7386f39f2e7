/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "runtime/cdi/private.h"

int cdi_node_complete(struct cdi_node *node, struct err *e)
{
	const char *path = node->host_path && *node->host_path ? node->host_path : node->path;
	bool given = node->type && *node->type;
	const char *type;
	struct stat st;

	if (given && (node->major || !strcmp(node->type, "p")))
		return 0;
	if (stat(path, &st) < 0)
		return err_sys(e, errno, "failed to stat CDI host device \"%s\"", path);
	if (S_ISBLK(st.st_mode))
		type = "b";
	else if (S_ISCHR(st.st_mode))
		type = "c";
	else if (S_ISFIFO(st.st_mode))
		type = "p";
	else
		return err_set(e, ERR_SYSTEM, "CDI host device \"%s\" is not a device", path);
	/* "u" is a character device by another name. */
	if (given && strcmp(!strcmp(node->type, "u") ? "c" : node->type, type) != 0)
		return err_set(e, ERR_SYSTEM,
			       "CDI device (\"%s\", \"%s\"), host type mismatch (%s, %s)",
			       node->path, path, node->type, type);
	if (!given)
		node->type = type;
	if (*type != 'p') {
		node->major = (int64_t)major(st.st_rdev);
		node->minor = (int64_t)minor(st.st_rdev);
	}
	return 0;
}
