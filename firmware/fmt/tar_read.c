/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader lets libarchive look for nothing but tar and hands it blocks from our stream. Nothing
 * is read before the first tar_next, so that opening never waits.
 *
 * libarchive goes on where it can ("warnings"). A damaged header would then give an entry another
 * name or size than its maker meant, so warnings are errors here, but for two kinds that do no
 * harm: names that its locale cannot show (we take the bytes) and ACLs (which we do not use).
 *
 * Data is taken block by block with offsets, and holes are filled here: archive_read_data would
 * leave out the one at a sparse file's end.
 */
#include "firmware/fmt/tar.h"

#include <archive_entry.h>
#include <string.h>

#include "firmware/core/mem.h"
#include "firmware/fmt/tar_private.h"

struct tar_reader {
	struct archive *archive;
	struct archive_entry *entry;
	struct reader *source;
	struct err error; /* the stream's, or what ended the reading; told again ever after */
	uint64_t source_bytes;
	bool opened, ended;
	uint64_t size, at; /* of the entry's data: how much there is, how much was given */
	const char *block; /* data that stands at offset block_at */
	size_t block_n;
	uint64_t block_at;
	bool no_more_blocks;
	char in[TAR_BLOCK_SIZE];
};

/* Nothing can be read after this. */
static int fail(struct tar_reader *t, struct err *e)
{
	tar_fail(t->archive, &t->error, ERR_INVALID, &t->error);
	if (e)
		*e = t->error;
	return err_code(&t->error);
}

static la_ssize_t read_source(struct archive *a, void *data, const void **ret)
{
	struct tar_reader *t = data;
	size_t n = 0;

	/* Whole blocks: libarchive copies whenever it has to join two. */
	while (n < sizeof(t->in)) {
		ssize_t r = reader_read(t->source, t->in + n, sizeof(t->in) - n, &t->error);

		if (r < 0) {
			archive_set_error(a, (int)-r, "read failed");
			return ARCHIVE_FATAL;
		}
		if (r == 0)
			break;
		n += (size_t)r;
	}
	t->source_bytes += n;
	*ret = t->in;
	return (la_ssize_t)n;
}

int tar_open(struct tar_reader **ret, struct reader *source, struct err *e)
{
	struct tar_reader *t = mem_alloc(sizeof(*t));

	if (!t)
		return err_set(e, ERR_UNAVAILABLE, "no memory left for a tar archive");
	t->source = source;
	t->archive = archive_read_new();
	if (!t->archive || archive_read_support_format_tar(t->archive) != ARCHIVE_OK) {
		tar_close(t);
		return err_set(e, ERR_UNAVAILABLE, "no memory left for a tar archive");
	}
	*ret = t;
	return 0;
}

void tar_close(struct tar_reader *t)
{
	if (!t)
		return;
	if (t->archive)
		archive_read_free(t->archive);
	mem_free(t);
}

/* An empty stream is an empty archive; libarchive would not know it for a tar. 1: there is data. */
static int open_archive(struct tar_reader *t, struct err *e)
{
	t->opened = true;
	if (archive_read_open(t->archive, t, NULL, read_source, NULL) == ARCHIVE_OK)
		return 1;
	if (t->error.kind != ERR_NONE || t->source_bytes > 0)
		return fail(t, e);
	t->ended = true;
	return 0;
}

static bool is_harmless(const char *warning)
{
	return warning && (strstr(warning, "can't be converted") || strstr(warning, "ACL") ||
			   strstr(warning, "SCHILY.acl"));
}

static bool type_of(struct archive_entry *entry, enum tar_type *ret)
{
	static const struct {
		unsigned filetype;
		enum tar_type type;
	} known[] = {
		{AE_IFREG, TAR_FILE}, {AE_IFDIR, TAR_DIR},   {AE_IFLNK, TAR_SYMLINK},
		{AE_IFCHR, TAR_CHAR}, {AE_IFBLK, TAR_BLOCK}, {AE_IFIFO, TAR_FIFO},
	};

	if (archive_entry_hardlink(entry)) {
		*ret = TAR_HARDLINK;
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (archive_entry_filetype(entry) == known[i].filetype) {
			*ret = known[i].type;
			return true;
		}
	}
	return false;
}

static int describe(struct archive_entry *entry, struct tar_entry *out, struct err *e)
{
	int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
	int64_t size = archive_entry_size(entry);

	*out = (struct tar_entry){.name = archive_entry_pathname(entry)};
	if (!out->name || !type_of(entry, &out->type))
		return err_set(e, ERR_INVALID, "tar: entry without a name or of an unknown type");
	if (uid < 0 || uid > UINT32_MAX || gid < 0 || gid > UINT32_MAX || size < 0)
		return err_set(e, ERR_INVALID, "tar: owner or size of an entry is out of range");
	if (out->type == TAR_HARDLINK)
		out->link = archive_entry_hardlink(entry);
	else if (out->type == TAR_SYMLINK)
		out->link = archive_entry_symlink(entry);
	if (out->type == TAR_SYMLINK && !out->link)
		return err_set(e, ERR_INVALID, "tar: symbolic link without a target");
	out->mode = archive_entry_perm(entry) & 07777;
	out->uid = (uint32_t)uid;
	out->gid = (uint32_t)gid;
	if (out->type == TAR_FILE)
		out->size = (uint64_t)size;
	out->mtime_sec = archive_entry_mtime(entry);
	out->mtime_nsec = (uint32_t)archive_entry_mtime_nsec(entry);
	if (out->type == TAR_CHAR || out->type == TAR_BLOCK) {
		out->dev_major = (uint32_t)archive_entry_rdevmajor(entry);
		out->dev_minor = (uint32_t)archive_entry_rdevminor(entry);
	}
	out->n_xattrs = (size_t)archive_entry_xattr_count(entry);
	return 0;
}

int tar_next(struct tar_reader *t, struct tar_entry *ret, struct err *e)
{
	struct tar_entry entry;
	int r;

	t->size = t->at = t->block_at = t->block_n = 0;
	t->no_more_blocks = false;
	if (t->error.kind != ERR_NONE)
		return fail(t, e);
	if (t->ended)
		return 0;
	if (!t->opened) {
		r = open_archive(t, e);
		if (r <= 0)
			return r;
	}
	r = archive_read_next_header(t->archive, &t->entry);
	if (r == ARCHIVE_EOF) {
		t->ended = true;
		return 0;
	}
	if (r != ARCHIVE_OK &&
	    !(r == ARCHIVE_WARN && is_harmless(archive_error_string(t->archive))))
		return fail(t, e);
	r = describe(t->entry, &entry, e);
	if (r < 0)
		return r;
	t->size = entry.size;
	*ret = entry;
	return 1;
}

/* Make block hold data at or behind the position; at the end of the data none is left. */
static int next_block(struct tar_reader *t, struct err *e)
{
	const void *block;
	la_int64_t at;
	size_t n;
	int r;

	r = archive_read_data_block(t->archive, &block, &n, &at);
	if (r == ARCHIVE_EOF) {
		t->no_more_blocks = true;
		t->block_n = 0;
		return 0;
	}
	if (r != ARCHIVE_OK)
		return fail(t, e);
	if (at < 0 || (uint64_t)at < t->at || (uint64_t)at > t->size || n > t->size - (uint64_t)at)
		return err_set(e, ERR_INVALID, "tar: malformed sparse file");
	t->block = block;
	t->block_n = n;
	t->block_at = (uint64_t)at;
	return 0;
}

ssize_t tar_read(struct tar_reader *t, void *p, size_t n, struct err *e)
{
	n = (size_t)MIN((uint64_t)n, t->size - t->at);
	if (n == 0)
		return 0;
	while (t->block_n == 0 && !t->no_more_blocks) {
		int r = next_block(t, e);

		if (r < 0)
			return r;
	}
	if (t->block_n == 0 || t->at < t->block_at) {
		/* A hole before the block, or up to the end of the file. */
		if (t->block_n > 0)
			n = (size_t)MIN((uint64_t)n, t->block_at - t->at);
		memset(p, 0, n);
	} else {
		n = MIN(n, t->block_n);
		memcpy(p, t->block, n);
		t->block += n;
		t->block_n -= n;
		t->block_at += n;
	}
	t->at += n;
	return (ssize_t)n;
}

void tar_xattr(struct tar_reader *t, size_t i, const char **ret_name, const void **ret_value,
	       size_t *ret_n)
{
	archive_entry_xattr_reset(t->entry);
	for (size_t k = 0; k <= i; k++) {
		if (archive_entry_xattr_next(t->entry, ret_name, ret_value, ret_n) != ARCHIVE_OK)
			return;
	}
}
