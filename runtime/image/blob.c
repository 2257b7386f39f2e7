/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "firmware/core/file.h"
#include "runtime/image/layer.h"

#define PUSH_STEP (8u << 20)

static int blob_writer_write(struct writer *writer, const void *p, size_t n, struct err *e)
{
	struct blob_writer *w = container_of(writer, struct blob_writer, writer);
	int rc = fd_write_all(w->fd, p, n);

	if (rc < 0)
		return err_sys(e, rc, "write blob");
	sha256_update(&w->hash, p, n);
	w->size += n;
	/* The commit of the image syncs everything: let the disk begin now. */
	if (w->size - w->pushed >= PUSH_STEP) {
		(void)!sync_file_range(w->fd, (off_t)w->pushed, (off_t)(w->size - w->pushed),
				       SYNC_FILE_RANGE_WRITE);
		w->pushed = w->size;
	}
	return 0;
}

int blob_writer_open(struct blob_writer *w, int root_fd, const char *tmp, struct err *e)
{
	*w = (struct blob_writer){.writer.write = blob_writer_write, .root_fd = root_fd};
	snprintf(w->tmp, sizeof(w->tmp), "%s", tmp);
	sha256_init(&w->hash);
	w->fd = openat(root_fd, tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (w->fd < 0)
		return err_sys(e, errno, "make %s", tmp);
	return 0;
}

int blob_writer_commit(struct blob_writer *w, const struct digest *expected, struct digest *ret,
		       struct err *e)
{
	char path[STORE_PATH_MAX];
	struct digest found;

	digest_from_sha256(&w->hash, &found);
	*ret = found;
	if (expected && !digest_eq(expected, &found))
		return err_set(e, ERR_INVALID, "filesystem layer verification failed for digest %s",
			       expected->text);
	blob_path(&found, path);
	/* Two who bring the same blob bring the same bytes: the later rename changes nothing. */
	if (renameat(w->root_fd, w->tmp, w->root_fd, path) < 0)
		return err_sys(e, errno, "rename %s to %s", w->tmp, path);
	w->tmp[0] = '\0';
	blob_writer_abort(w);
	return 0;
}

void blob_writer_abort(struct blob_writer *w)
{
	if (w->tmp[0])
		(void)!unlinkat(w->root_fd, w->tmp, 0);
	w->tmp[0] = '\0';
	if (w->fd > 0)
		close(w->fd);
	w->fd = -1;
}

int blob_write(int root_fd, const char *tmp, struct str data, struct digest *ret, struct err *e)
{
	struct blob_writer w;
	int rc = blob_writer_open(&w, root_fd, tmp, e);

	if (rc < 0)
		return rc;
	rc = writer_write(&w.writer, data.p, data.n, e);
	if (rc == 0)
		rc = blob_writer_commit(&w, NULL, ret, e);
	blob_writer_abort(&w);
	return rc;
}

static ssize_t fd_reader_read(struct reader *reader, void *p, size_t n, struct err *e)
{
	struct fd_reader *r = container_of(reader, struct fd_reader, reader);
	ssize_t got;

	do {
		got = read(r->fd, p, n);
	} while (got < 0 && errno == EINTR);
	return got < 0 ? err_sys(e, errno, "read") : got;
}

void fd_reader_init(struct fd_reader *r, int fd)
{
	*r = (struct fd_reader){.reader.read = fd_reader_read, .fd = fd};
}
