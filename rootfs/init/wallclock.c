/* SPDX-License-Identifier: Apache-2.0 */
#include "rootfs/init/wallclock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtc.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "firmware/core/cleanup.h"
#include "firmware/core/clock.h"
#include "firmware/core/str.h"
#include "rootfs/init/note.h"
#include "rootfs/init/tool.h"

/* No machine that runs this lives before 2024. */
#define EARLIEST_S 1704067200
#define STEP_S 2

static const char *clock_path; /* NULL: there is none */
static bool is_ptp;
static int64_t base_s; /* the hardware's clock less the time since the start, when last in step */

static int64_t days_from_civil(int64_t y, int64_t m, int64_t d)
{
	int64_t era, yoe, doy;

	y -= m <= 2;
	era = y / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/* Seconds since 1970 by the hardware, or -1. */
static int64_t hardware_now(void)
{
	/* Open for a moment only: whoever holds it keeps everybody else from it. */
	int fd CLEANUP_FD = clock_path ? open(clock_path, O_RDONLY | O_CLOEXEC) : -1;
	struct timespec ts;
	struct rtc_time t;

	if (fd < 0)
		return -1;
	if (is_ptp) /* the kernel's way of making a clock of a descriptor */
		return clock_gettime((~(clockid_t)fd << 3) | 3, &ts) < 0 ? -1 : ts.tv_sec;
	if (ioctl(fd, RTC_RD_TIME, &t) < 0)
		return -1;
	return days_from_civil(t.tm_year + 1900, t.tm_mon + 1, t.tm_mday) * 86400 +
	       t.tm_hour * 3600 + t.tm_min * 60 + t.tm_sec;
}

static int64_t our_now(void)
{
	return clock_wall() / NSEC_PER_SEC;
}

static int64_t since_start(void)
{
	return clock_mono() / NSEC_PER_SEC;
}

static void step(int64_t by_s)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_REALTIME, &ts) < 0)
		return;
	ts.tv_sec += by_s;
	if (clock_settime(CLOCK_REALTIME, &ts) < 0)
		note(NOTE_WARN, "cannot set the clock: %s", strerror(errno));
	else
		note(NOTE_INFO, "clock moved by %lld s", (long long)by_s);
}

void wallclock_open(void)
{
	int64_t now;
	char name[64];

	/* KVM's is the host's own clock; a network card's may be anything. */
	is_ptp = file_get("/sys/class/ptp/ptp0/clock_name", name, sizeof(name)) > 0 &&
		 strz_starts(name, "KVM");
	clock_path = is_ptp ? "/dev/ptp0" : "/dev/rtc0";
	now = hardware_now();
	if (now < EARLIEST_S) {
		if (our_now() < EARLIEST_S)
			note(NOTE_BAD, "no clock tells the time: certificates will be refused");
		clock_path = NULL;
		return;
	}
	if (our_now() < EARLIEST_S)
		step(now - our_now());
	base_s = now - since_start();
}

void wallclock_follow(void)
{
	int64_t now = hardware_now(), moved;

	if (now < EARLIEST_S)
		return;
	moved = now - since_start() - base_s;
	if (moved < STEP_S && moved > -STEP_S)
		return;
	step(moved);
	base_s += moved;
}
