/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names and numbers of system calls, for the architectures that this program's kernel runs.
 *
 * Thread: any. Yields: no. Owns: nothing.
 */
#ifndef RUNTIME_JOIN_SYSCALLS_H
#define RUNTIME_JOIN_SYSCALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/str.h"

#define SYSCALLS_X32_BIT 0x40000000u

enum syscall_arch {
	SYSCALLS_NONE,
	SYSCALLS_X86_64,
	SYSCALLS_X86,
	SYSCALLS_X32,
	SYSCALLS_AARCH64,
	SYSCALLS_ARM,
	SYSCALLS_RISCV64,
};

/* Is there a table for it? Only those that can run beside this program have one. */
bool syscalls_known(enum syscall_arch arch);

/* A walk over all of an architecture's; set arch, all else zeroed. A number may come twice, under
 * another name. */
struct syscall_walk {
	enum syscall_arch arch;
	unsigned part;
	bool started;
	struct str rest;
	uint32_t next;
};
bool syscalls_next(struct syscall_walk *w, struct str *ret_name, uint32_t *ret_number);

#endif
