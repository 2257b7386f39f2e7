/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/shim/log_plan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firmware/core/cleanup.h"

static void put_part(struct buf *plan, struct str s)
{
	uint32_t n = (uint32_t)s.n;

	buf_put(plan, &n, sizeof(n));
	buf_put_str(plan, s);
}

void log_plan_put(struct buf *plan, const char *name, struct str value)
{
	put_part(plan, str_from(name));
	put_part(plan, value);
}

void log_plan_put_i64(struct buf *plan, const char *name, int64_t value)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%lld", (long long)value);

	log_plan_put(plan, name, str_span(text, (size_t)n));
}

static bool take_part(struct str plan, size_t *at, struct str *ret)
{
	uint32_t n;

	if (plan.n - *at < sizeof(n))
		return false;
	memcpy(&n, plan.p + *at, sizeof(n));
	if (plan.n - *at - sizeof(n) < n)
		return false;
	*ret = str_span(plan.p + *at + sizeof(n), n);
	*at += sizeof(n) + n;
	return true;
}

bool log_plan_next(struct str plan, size_t *at, struct str *ret_name, struct str *ret_value)
{
	return take_part(plan, at, ret_name) && take_part(plan, at, ret_value);
}

bool log_plan_get(struct str plan, const char *name, struct str *ret)
{
	struct str key, value;

	for (size_t at = 0; log_plan_next(plan, &at, &key, &value);) {
		if (str_eqz(key, name)) {
			*ret = value;
			return true;
		}
	}
	return false;
}

int64_t log_plan_get_i64(struct str plan, const char *name, int64_t otherwise)
{
	struct str text;
	int64_t v;

	return log_plan_get(plan, name, &text) && str_to_i64(text, &v) == 0 ? v : otherwise;
}

int log_plan_write(struct str plan)
{
	int fd CLEANUP_FD = memfd_create("log-plan", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (size_t done = 0; done < plan.n;) {
		ssize_t n = write(fd, plan.p + done, plan.n - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return TAKE_FD(fd);
}

int log_plan_map(int fd, struct str *ret)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size <= 0 || st.st_size > (off_t)LOG_PLAN_MAX)
		return -EINVAL;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	*ret = str_span(p, (size_t)st.st_size);
	return 0;
}
