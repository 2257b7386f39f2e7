/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer: plain ustar headers, preceded by a pax header only for an entry that needs one (long
 * or non-ASCII name, large number, xattr). Times are written in whole seconds, as the engine's
 * own archives have them, so that they do not force a pax header on every entry.
 *
 * libarchive leaks its block buffer when a write callback fails, so it is not told: a failed sink
 * is remembered, later bytes are dropped, and every function here looks at the memory before it
 * answers. Only when an unfinished archive is freed does the callback fail, which spares the zeroes
 * that would complete the last entry.
 */
#include "firmware/fmt/tar.h"

#include <archive_entry.h>

#include "firmware/core/mem.h"
#include "firmware/fmt/tar_private.h"

struct tar_writer {
	struct archive *archive;
	struct archive_entry *entry; /* the one to come: xattrs gather here */
	struct writer *sink;
	struct err stream_error;
	bool given_up;
	uint64_t left; /* data the current entry still lacks */
};

static la_ssize_t write_sink(struct archive *a, void *data, const void *p, size_t n)
{
	struct tar_writer *t = data;

	if (t->given_up) {
		archive_set_error(a, ECANCELED, "given up");
		return -1;
	}
	if (t->stream_error.kind == ERR_NONE && writer_write(t->sink, p, n, &t->stream_error) < 0 &&
	    t->stream_error.kind == ERR_NONE)
		err_set(&t->stream_error, ERR_SYSTEM, "tar: write failed");
	return (la_ssize_t)n;
}

static bool set_up(struct tar_writer *t)
{
	t->archive = archive_write_new();
	t->entry = archive_entry_new();
	return t->archive && t->entry &&
	       archive_write_set_format_pax_restricted(t->archive) == ARCHIVE_OK &&
	       archive_write_set_format_option(t->archive, "pax", "xattrheader", "SCHILY") ==
		       ARCHIVE_OK &&
	       archive_write_set_bytes_per_block(t->archive, TAR_BLOCK_SIZE) == ARCHIVE_OK &&
	       archive_write_set_bytes_in_last_block(t->archive, 1) == ARCHIVE_OK &&
	       archive_write_open(t->archive, t, NULL, write_sink, NULL) == ARCHIVE_OK;
}

int tar_create(struct tar_writer **ret, struct writer *sink, struct err *e)
{
	struct tar_writer *t = mem_alloc(sizeof(*t));

	if (!t)
		return err_set(e, ERR_UNAVAILABLE, "no memory left for a tar archive");
	t->sink = sink;
	if (!set_up(t)) {
		tar_writer_free(t);
		return err_set(e, ERR_UNAVAILABLE, "no memory left for a tar archive");
	}
	*ret = t;
	return 0;
}

void tar_writer_free(struct tar_writer *t)
{
	if (!t)
		return;
	t->given_up = true;
	if (t->archive)
		archive_write_free(t->archive);
	archive_entry_free(t->entry);
	mem_free(t);
}

/* What a call of libarchive came to: its own failure, or the sink's. */
static int outcome(struct tar_writer *t, bool good, struct err *e)
{
	if (good && t->stream_error.kind == ERR_NONE)
		return 0;
	return tar_fail(t->archive, &t->stream_error, ERR_SYSTEM, e);
}

static int check_complete(const struct tar_writer *t, struct err *e)
{
	if (t->left == 0)
		return 0;
	return err_set(e, ERR_SYSTEM, "tar: an entry lacks %llu bytes of its data",
		       (unsigned long long)t->left);
}

static void fill_entry(struct archive_entry *out, const struct tar_entry *in)
{
	static const unsigned filetypes[] = {
		[TAR_FILE] = AE_IFREG,	   [TAR_DIR] = AE_IFDIR,  [TAR_SYMLINK] = AE_IFLNK,
		[TAR_HARDLINK] = AE_IFREG, [TAR_CHAR] = AE_IFCHR, [TAR_BLOCK] = AE_IFBLK,
		[TAR_FIFO] = AE_IFIFO,
	};

	archive_entry_copy_pathname(out, in->name);
	archive_entry_set_filetype(out, filetypes[in->type]);
	archive_entry_set_perm(out, (mode_t)(in->mode & 07777));
	archive_entry_set_uid(out, in->uid);
	archive_entry_set_gid(out, in->gid);
	archive_entry_set_mtime(out, in->mtime_sec, 0);
	archive_entry_set_size(out, in->type == TAR_FILE ? (int64_t)in->size : 0);
	if (in->type == TAR_SYMLINK)
		archive_entry_copy_symlink(out, in->link);
	if (in->type == TAR_HARDLINK)
		archive_entry_copy_hardlink(out, in->link);
	if (in->type == TAR_CHAR || in->type == TAR_BLOCK) {
		archive_entry_set_rdevmajor(out, in->dev_major);
		archive_entry_set_rdevminor(out, in->dev_minor);
	}
}

int tar_add(struct tar_writer *t, const struct tar_entry *entry, struct err *e)
{
	bool link = entry->type == TAR_SYMLINK || entry->type == TAR_HARDLINK;
	int r = check_complete(t, e);

	if (r < 0)
		return r;
	if (!entry->name || !*entry->name || (link && !entry->link) || entry->size > INT64_MAX)
		return err_set(e, ERR_INVALID, "tar: incomplete entry");
	fill_entry(t->entry, entry);
	r = archive_write_header(t->archive, t->entry);
	archive_entry_clear(t->entry);
	r = outcome(t, r == ARCHIVE_OK || r == ARCHIVE_WARN, e);
	if (r == 0 && entry->type == TAR_FILE)
		t->left = entry->size;
	return r;
}

int tar_add_xattr(struct tar_writer *t, const char *name, const void *value, size_t n,
		  struct err *e)
{
	int before = archive_entry_xattr_count(t->entry);

	archive_entry_xattr_add_entry(t->entry, name, value, n);
	if (archive_entry_xattr_count(t->entry) != before + 1)
		return err_set(e, ERR_UNAVAILABLE, "no memory left for an extended attribute");
	return 0;
}

int tar_write(struct tar_writer *t, const void *p, size_t n, struct err *e)
{
	int r;

	if (n > t->left)
		return err_set(e, ERR_SYSTEM, "tar: more data than the entry's size");
	if (n == 0)
		return 0;
	r = outcome(t, archive_write_data(t->archive, p, n) == (la_ssize_t)n, e);
	if (r == 0)
		t->left -= n;
	return r;
}

int tar_finish(struct tar_writer *t, struct err *e)
{
	int r = check_complete(t, e);

	if (r < 0)
		return r;
	return outcome(t, archive_write_close(t->archive) == ARCHIVE_OK, e);
}
