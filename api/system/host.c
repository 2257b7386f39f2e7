/* SPDX-License-Identifier: Apache-2.0 */
#include "api/system/host.h"

#include <fcntl.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "firmware/core/file.h"
#include "firmware/core/str.h"

const char *host_arch(void)
{
#if defined(__x86_64__)
	return "amd64";
#elif defined(__aarch64__)
	return "arm64";
#else
	return "unknown";
#endif
}

static const char *os_release(const char *key, const char *fallback, struct arena *a)
{
	struct str text, line;

	if (file_read_at(AT_FDCWD, "/etc/os-release", 16384, a, &text, NULL) < 0 &&
	    file_read_at(AT_FDCWD, "/usr/lib/os-release", 16384, a, &text, NULL) < 0)
		return fallback;
	while (text.n) {
		struct str value, name;

		line = str_cut(text, '\n', &text);
		name = str_cut(line, '=', &value);
		if (!str_eqz(name, key))
			continue;
		if (value.n >= 2 && (value.p[0] == '"' || value.p[0] == '\''))
			value = str_span(value.p + 1, value.n - 2);
		return arena_strndup(a, value.p, value.n);
	}
	return fallback;
}

const char *host_os_name(struct arena *a)
{
	return os_release("PRETTY_NAME", "Linux", a);
}

const char *host_os_version(struct arena *a)
{
	return os_release("VERSION_ID", "", a);
}

uint64_t host_memory(void)
{
	struct sysinfo si;

	return sysinfo(&si) < 0 ? 0 : (uint64_t)si.totalram * si.mem_unit;
}

long host_cpus(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN);
}

bool host_is_on(const char *path)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	char digit = '0';

	return fd >= 0 && read(fd, &digit, 1) == 1 && digit != '0';
}

bool host_has(const char *path)
{
	return access(path, F_OK) == 0;
}
