/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mke2fs writes the superblock last: cut before that, a disk holds parts of a file system without a
 * name, and would never be touched again. Hence the mark, in a place that mke2fs leaves alone, put
 * on a disk that was seen to be empty and taken away when the file system is whole.
 */
#include "rootfs/init/disk_look.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MIB (1 << 20)
#define SMALLEST (8 * MIB)
#define SUPER_AT 1024
#define SUPER_MAGIC 0xef53
#define STATE_VALID 1
#define STATE_ERROR 2
#define NEEDS_RECOVERY 4
#define HAS_64BIT 0x80
#define MARK_FROM_END (512 * 1024)

static const char mark_text[512] = "serin: a file system is being made on this disk\n";

static uint32_t le16(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t le32(const uint8_t *p)
{
	return le16(p) | le16(p + 2) << 16;
}

static int read_at(int fd, void *p, size_t n, uint64_t at)
{
	char *to = p;

	while (n > 0) {
		ssize_t did = pread(fd, to, n, (off_t)at);

		if (did < 0 && errno == EINTR)
			continue;
		if (did <= 0)
			return did < 0 ? -errno : -EIO;
		to += did;
		at += (uint64_t)did;
		n -= (size_t)did;
	}
	return 0;
}

/* 1: nothing but zeros from there on for a MiB; 0: something; -errno. */
static int is_blank(int fd, uint64_t at)
{
	static uint64_t piece[8192];
	int r;

	for (uint64_t done = 0; done < MIB; done += sizeof(piece)) {
		r = read_at(fd, piece, sizeof(piece), at + done);
		if (r < 0)
			return r;
		for (size_t i = 0; i < ARRAY_LEN(piece); i++) {
			if (piece[i])
				return 0;
		}
	}
	return 1;
}

/* 1: a superblock at that place; 0: none. Of ours, or of anybody's? */
static int read_super(int fd, uint64_t at, uint64_t bytes, bool *ret_ours, struct disk_look *l)
{
	uint8_t s[1024];
	uint32_t log_size;
	uint64_t blocks;
	int r;

	if (at + sizeof(s) > bytes)
		return 0;
	r = read_at(fd, s, sizeof(s), at);
	if (r < 0)
		return r;
	log_size = le32(s + 0x18);
	if (le16(s + 0x38) != SUPER_MAGIC || log_size > 6)
		return 0;
	blocks = le32(s + 4);
	if (le32(s + 0x60) & HAS_64BIT)
		blocks |= (uint64_t)le32(s + 0x150) << 32;
	*ret_ours = !memcmp(s + 0x78, DISK_LABEL, sizeof(DISK_LABEL));
	l->block_size = 1024U << log_size;
	l->fs_bytes = blocks > UINT64_MAX >> 17 ? UINT64_MAX : blocks * l->block_size;
	l->clean = (le16(s + 0x3a) & (STATE_VALID | STATE_ERROR)) == STATE_VALID &&
		   !(le32(s + 0x60) & NEEDS_RECOVERY);
	return 1;
}

/* Spare superblocks begin the second group of blocks, whose place depends on the block size. */
static int find_spare(int fd, struct disk_look *l)
{
	static const struct {
		uint32_t block_size;
		uint64_t block;
	} places[] = {{4096, 32768}, {1024, 8193}, {2048, 16384}};

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		uint64_t at = places[i].block * places[i].block_size;
		bool ours = false;
		int r = read_super(fd, at, l->disk_bytes, &ours, l);

		if (r < 0)
			return r;
		if (r == 0 || l->block_size != places[i].block_size)
			continue;
		l->kind = ours ? DISK_TORN : DISK_FOREIGN;
		l->spare = places[i].block;
		l->clean = false;
		return 1;
	}
	return 0;
}

int disk_look(int fd, uint64_t bytes, struct disk_look *ret)
{
	struct disk_look l = {.disk_bytes = bytes};
	char mark[sizeof(mark_text)];
	bool ours = false;
	int r, blank;

	if (bytes >= SMALLEST) {
		r = read_super(fd, SUPER_AT, bytes, &ours, &l);
		if (r < 0)
			return r;
		if (r > 0) {
			l.kind = ours ? DISK_OURS : DISK_FOREIGN;
			*ret = l;
			return 0;
		}
		r = read_at(fd, mark, sizeof(mark), bytes - MARK_FROM_END);
		if (r < 0)
			return r;
		if (!memcmp(mark, mark_text, sizeof(mark))) {
			l.kind = DISK_HALF;
			*ret = l;
			return 0;
		}
		blank = is_blank(fd, 0);
		/* A table of partitions or another file system's head outweighs an old spare. */
		r = blank > 0 ? find_spare(fd, &l) : blank;
		if (r < 0)
			return r;
		if (blank > 0 && r == 0) {
			r = is_blank(fd, bytes - MIB);
			if (r < 0)
				return r;
			l.kind = r > 0 ? DISK_EMPTY : DISK_FOREIGN;
		}
	}
	*ret = l;
	return 0;
}

int disk_mark(int fd, uint64_t bytes, bool on)
{
	static const char none[sizeof(mark_text)];

	if (pwrite(fd, on ? mark_text : none, sizeof(mark_text), (off_t)(bytes - MARK_FROM_END)) !=
	    (ssize_t)sizeof(mark_text))
		return errno ? -errno : -EIO;
	return fsync(fd) < 0 ? -errno : 0;
}
