/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Randomness carried over from one boot to the next on the data disk, for machines whose host gives
 * none. A seed is used once: it is replaced on the disk before the kernel is told to trust it.
 *
 * Thread: the only one. Yields: fsync. Owns: nothing.
 */
#ifndef ROOTFS_INIT_SEED_H
#define ROOTFS_INIT_SEED_H

/* After the data disk is there. */
void seed_load(void);
/* Before it goes. */
void seed_save(void);

#endif
