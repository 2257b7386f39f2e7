/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of the guest: the daemon is stopped, containers are sent their stop signals and get
 * CONFIG_INIT_STOP_SECONDS, then everything is killed, the data disk unmounted, and the machine
 * goes off or starts again. And the button that asks for it.
 *
 * Thread: the only one. Yields: power_end waits, a bounded time, and does not return.
 * Owns: the buttons' descriptors.
 */
#ifndef ROOTFS_INIT_POWER_H
#define ROOTFS_INIT_POWER_H

#include <stdbool.h>
#include <sys/types.h>

#include "firmware/core/attr.h"

#define POWER_BUTTONS_MAX 4

enum power_how { POWER_OFF, POWER_REBOOT };

/* Input devices with a power key, to be polled; returns how many. */
int power_open_buttons(int fds[POWER_BUTTONS_MAX]);
/* Was it pressed? */
bool power_button_pressed(int fd);
/* daemon: serind's process, or 0. */
NORETURN void power_end(enum power_how how, pid_t daemon);

#endif
