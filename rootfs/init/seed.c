/* SPDX-License-Identifier: Apache-2.0 */
#include "rootfs/init/seed.h"

#include <fcntl.h>
#include <linux/random.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "firmware/core/cleanup.h"
#include "firmware/core/file.h"
#include "rootfs/init/disk.h"

#define SEED_FILE DATA_DIR "/random-seed"
#define SEED_BYTES 32

static bool kernel_is_ready(void)
{
	char c;

	return getrandom(&c, 1, GRND_NONBLOCK) == 1;
}

void seed_load(void)
{
	/* The kernel's struct rand_pool_info, whose length its own header leaves open. */
	struct {
		int entropy_count, buf_size;
		uint8_t bytes[SEED_BYTES];
	} pool = {.buf_size = SEED_BYTES};
	int file CLEANUP_FD = open(SEED_FILE, O_RDONLY | O_CLOEXEC);
	int urandom CLEANUP_FD = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
	bool once;

	if (file < 0 || urandom < 0 || read(file, pool.bytes, SEED_BYTES) != SEED_BYTES)
		return;
	if (kernel_is_ready()) {
		(void)!write(urandom, pool.bytes, SEED_BYTES);
		return;
	}
	/* Gone for good before it counts: the same bytes never start two boots. */
	once = unlink(SEED_FILE) == 0 && dir_sync_at(AT_FDCWD, DATA_DIR, NULL) == 0;
	pool.entropy_count = once ? SEED_BYTES * 8 : 0;
	(void)ioctl(urandom, RNDADDENTROPY, &pool);
	seed_save();
}

void seed_save(void)
{
	uint8_t bytes[SEED_BYTES];

	if (getrandom(bytes, sizeof(bytes), GRND_NONBLOCK) != sizeof(bytes))
		return;
	(void)!file_replace_at(AT_FDCWD, SEED_FILE, str_span((char *)bytes, sizeof(bytes)), 0600,
			       true, NULL);
}
