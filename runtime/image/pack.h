/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree of files as a tar stream: the reverse of unpacking. Entries come in the order of their
 * names; hard links within the tree stay links, sockets are left out, and what other processes
 * change meanwhile is padded or cut to the size that was announced. Symlinks are never followed,
 * and the kernel's own file systems (proc, sysfs, cgroup, …) are not entered.
 *
 * Thread: worker. Yields: no. Owns: nothing kept.
 * Limits: PACK_DEPTH_MAX levels, PACK_NAMES_MAX bytes of names in one directory.
 */
#ifndef RUNTIME_IMAGE_PACK_H
#define RUNTIME_IMAGE_PACK_H

#include "firmware/core/stream.h"
#include "firmware/sched/job.h"

#define PACK_DEPTH_MAX 512
#define PACK_NAMES_MAX (256u << 20)

struct pack_options {
	int dir_fd;	       /* O_PATH is enough */
	const char *base;      /* in dir_fd: a name, or "." for the directory itself */
	const char *name;      /* its name in the archive; "": a directory's contents alone */
	const char *skip;      /* name right below it whose contents are left out; may be NULL */
	const struct job *job; /* its stop flag is honoured; may be NULL */
	/*
	 * A layer: the directory is the upper one of an overlay, whose marks of what is deleted
	 * become those of an archive; and all attributes are kept that unpacking a layer sets.
	 */
	bool layer;
	/* Or a layer of these changes to the tree at dir_fd, in this order; base and name are not
	 * used then. */
	const struct pack_change *changes;
	size_t n_changes;
};
struct pack_change {
	const char *path; /* relative */
	bool deleted;
};

/* ret_entries, how many there are, may be NULL. */
int pack_tree(struct writer *sink, const struct pack_options *opt, uint64_t *ret_entries,
	      struct err *e) WARN_UNUSED;

#endif
