/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel is able to do: its version, namespaces, seccomp, control groups.
 */
#include <errno.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "api/main/check.h"
#include "runtime/cgroup/support.h"

#define CGROUPS "/sys/fs/cgroup"

enum check_state check_root(struct check_env *env)
{
	uid_t uid = geteuid();

	return uid == 0 ? CHECK_OK : check_say(env, CHECK_BAD, "user %u", (unsigned)uid);
}

/* Is it Linux 5.minor or newer? */
static bool is_since(const struct utsname *u, unsigned minor)
{
	const char *p = u->release;
	unsigned long long major = check_number(&p);

	return major > 5 || (major == 5 && check_number(&p) >= minor);
}

enum check_state check_kernel(struct check_env *env)
{
	struct utsname u;

	if (uname(&u) < 0)
		return check_say(env, CHECK_BAD, "%s", strerror(errno));
	return check_say(env, is_since(&u, 6) ? CHECK_OK : CHECK_BAD, "%.64s %.64s", u.release,
			 u.machine);
}

/* --- namespaces --- */

static int try_unshare(const void *arg, int out)
{
	if (unshare(*(const int *)arg) == 0)
		return 0;
	dprintf(out, "%s", strerror(errno));
	return 1;
}

static enum check_state check_ns(struct check_env *env, const char *name, int flag)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	if (access(path, F_OK) < 0)
		return check_say(env, CHECK_BAD, "not in this kernel");
	if (geteuid() != 0 && flag != CLONE_NEWUSER)
		return check_say(env, CHECK_UNKNOWN, "in this kernel; trying it needs root");
	return check_in_child(env, try_unshare, &flag) ? CHECK_OK : CHECK_BAD;
}

enum check_state check_ns_mnt(struct check_env *env)
{
	return check_ns(env, "mnt", CLONE_NEWNS);
}

enum check_state check_ns_pid(struct check_env *env)
{
	return check_ns(env, "pid", CLONE_NEWPID);
}

enum check_state check_ns_net(struct check_env *env)
{
	return check_ns(env, "net", CLONE_NEWNET);
}

enum check_state check_ns_ipc(struct check_env *env)
{
	return check_ns(env, "ipc", CLONE_NEWIPC);
}

enum check_state check_ns_uts(struct check_env *env)
{
	return check_ns(env, "uts", CLONE_NEWUTS);
}

enum check_state check_ns_cgroup(struct check_env *env)
{
	return check_ns(env, "cgroup", CLONE_NEWCGROUP);
}

enum check_state check_ns_user(struct check_env *env)
{
	return check_ns(env, "user", CLONE_NEWUSER);
}

enum check_state check_seccomp(struct check_env *env)
{
	unsigned action = SECCOMP_RET_ERRNO;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0)
		return CHECK_OK;
	return check_say(env, CHECK_BAD, "%s", strerror(errno));
}

/* --- control groups --- */

enum layout { LAYOUT_NONE, LAYOUT_V1, LAYOUT_V2 };

static enum layout cgroup_layout(void)
{
	struct statfs fs;
	struct stat st;

	if (cgroup_is_v2())
		return LAYOUT_V2;
	/* A tmpfs with nothing in it is what a container or a bare init has there. */
	if (statfs(CGROUPS, &fs) == 0 && fs.f_type == TMPFS_MAGIC &&
	    (stat(CGROUPS "/memory", &st) == 0 || stat(CGROUPS "/pids", &st) == 0 ||
	     stat(CGROUPS "/devices", &st) == 0))
		return LAYOUT_V1;
	return LAYOUT_NONE;
}

static int try_group(const void *arg, int out)
{
	const char *parent = arg;
	char path[96];

	snprintf(path, sizeof(path), "%s/serin-check-%d", parent, (int)getpid());
	if (mkdir(path, 0755) < 0) {
		dprintf(out, "making a group in %s: %s", parent, strerror(errno));
		return 1;
	}
	rmdir(path);
	return 0;
}

enum check_state check_cgroups(struct check_env *env)
{
	enum layout layout = cgroup_layout();
	bool hybrid = access(CGROUPS "/unified/cgroup.procs", F_OK) == 0;

	if (layout == LAYOUT_NONE)
		return check_say(env, CHECK_BAD, "nothing usable on " CGROUPS);
	if (geteuid() == 0 &&
	    !check_in_child(env, try_group, layout == LAYOUT_V2 ? CGROUPS : CGROUPS "/pids"))
		return CHECK_BAD;
	return check_say(env, CHECK_OK, "%s",
			 layout == LAYOUT_V2 ? "v2"
			 : hybrid	     ? "v1, hybrid (runc only)"
					     : "v1 (runc only)");
}

/* One that the kernel knows but which no hierarchy has is switched off, or v1 holds it from v2. */
static enum check_state check_controller(struct check_env *env, const char *v2, const char *v1)
{
	enum layout layout = cgroup_layout();
	char line[512] = "", path[64];
	bool ok = false;

	if (layout == LAYOUT_V2) {
		ok = check_line(CGROUPS "/cgroup.controllers", line, sizeof(line)) &&
		     cgroup_line_names(line, v2);
	} else if (layout == LAYOUT_V1) {
		snprintf(path, sizeof(path), CGROUPS "/%s/cgroup.procs", v1);
		ok = access(path, F_OK) == 0;
	}
	return ok ? check_say(env, CHECK_OK, layout == LAYOUT_V2 ? "v2" : "v1") : CHECK_BAD;
}

enum check_state check_cgroup_memory(struct check_env *env)
{
	return check_controller(env, "memory", "memory");
}

enum check_state check_cgroup_pids(struct check_env *env)
{
	return check_controller(env, "pids", "pids");
}

enum check_state check_cgroup_cpu(struct check_env *env)
{
	return check_controller(env, "cpu", "cpu");
}

enum check_state check_cgroup_cpuset(struct check_env *env)
{
	return check_controller(env, "cpuset", "cpuset");
}

enum check_state check_cgroup_io(struct check_env *env)
{
	return check_controller(env, "io", "blkio");
}

/* v2 has no such controllers: a BPF program decides on devices, every group can be frozen. */
enum check_state check_cgroup_devices(struct check_env *env)
{
	if (cgroup_layout() != LAYOUT_V2)
		return check_controller(env, "devices", "devices");
	/* An impossible command: EINVAL or EPERM says that bpf is there at all. */
	if (syscall(SYS_bpf, 9999, NULL, 0) < 0 && errno != ENOSYS)
		return check_say(env, CHECK_OK, "v2, by BPF");
	return check_say(env, CHECK_BAD, "no bpf in this kernel");
}

enum check_state check_cgroup_freezer(struct check_env *env)
{
	struct utsname u;

	if (cgroup_layout() != LAYOUT_V2)
		return check_controller(env, "freezer", "freezer");
	if (uname(&u) == 0 && is_since(&u, 2))
		return check_say(env, CHECK_OK, "v2");
	return CHECK_BAD;
}
