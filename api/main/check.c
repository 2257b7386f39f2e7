/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `serind check`: can this machine run containers, and if not, what is missing and what helps. A
 * line a check; the exit status is 0 when all that is needed is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/main/daemon.h"
#include "firmware/core/attr.h"
#include "firmware/core/config.h"
#include "firmware/net/netlink.h"

#define CGROUP2_MAGIC 0x63677270
#define TMPFS_MAGIC 0x01021994

struct check {
	const char *name;
	bool (*ok)(void);
	bool needed; /* containers cannot run without */
	const char *remedy;
	bool built_in; /* what would need it is in this build */
};

static bool is_root(void)
{
	return geteuid() == 0;
}

static bool file_names(const char *path, const char *word)
{
	char line[256];
	bool found = false;
	FILE *f = fopen(path, "re");

	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, word) != NULL;
	if (f)
		fclose(f);
	return found;
}

static bool has_overlay(void)
{
	return file_names("/proc/filesystems", "overlay");
}

static bool has_cgroups(void)
{
	struct statfs fs;

	return statfs("/sys/fs/cgroup", &fs) == 0 &&
	       (fs.f_type == CGROUP2_MAGIC || fs.f_type == TMPFS_MAGIC);
}

static bool has_controller(const char *name)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/sys/fs/cgroup/%s", name);
	return file_names("/sys/fs/cgroup/cgroup.controllers", name) || stat(path, &st) == 0;
}

static bool has_memory(void)
{
	return has_controller("memory");
}

static bool has_pids(void)
{
	return has_controller("pids");
}

static bool has_cpu(void)
{
	return has_controller("cpu");
}

/* In a child, so that the caller's namespaces stay. */
static bool can_unshare(int flags)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(unshare(flags) < 0);
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

static bool has_namespaces(void)
{
	return can_unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET);
}

static bool has_nftables(void)
{
	struct nl_socket s;
	struct err e = ERR_INIT;
	char buf[256];
	struct nl_msg m;
	int r = nl_open(&s, NETLINK_NETFILTER, &e);

	if (r < 0)
		return false;
	nl_msg_init(&m, buf, sizeof(buf));
	/* NFT_MSG_GETGEN (16): answered by nf_tables alone. */
	memset(nl_msg_begin(&m, (NFNL_SUBSYS_NFTABLES << 8) | 16, NLM_F_REQUEST | NLM_F_ACK,
			    sizeof(struct nfgenmsg)),
	       0, sizeof(struct nfgenmsg));
	nl_msg_end(&m);
	r = nl_transact(&s, &m, &e);
	nl_close(&s);
	return r == 0;
}

static bool on_path(const char *program)
{
	const char *path = getenv("PATH");
	static char dirs[1024];
	char *save = NULL, *dir;

	snprintf(dirs, sizeof(dirs), "%s",
		 path && *path ? path
			       : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	for (dir = strtok_r(dirs, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
		static char file[1280];

		snprintf(file, sizeof(file), "%s/%s", dir, program);
		if (access(file, X_OK) == 0)
			return true;
	}
	return false;
}

static bool has_runtime(void)
{
	return on_path("runc") || on_path("crun");
}

static bool has_vsock(void)
{
	return access("/dev/vsock", F_OK) == 0;
}

static bool has_entropy(void)
{
	char byte;

	return getentropy(&byte, 1) == 0;
}

static const struct check checks[] = {
	{"root", is_root, true, "run as root: containers are made with mounts and namespaces",
	 true},
	{"namespaces", has_namespaces, true,
	 "a kernel with CONFIG_NAMESPACES, PID_NS, NET_NS, IPC_NS, UTS_NS", true},
	{"cgroups", has_cgroups, true, "mount cgroup2 on /sys/fs/cgroup", true},
	{"cgroup memory", has_memory, false,
	 "enable the memory controller (CONFIG_MEMCG; cgroup_enable=memory)", true},
	{"cgroup pids", has_pids, false, "enable the pids controller (CONFIG_CGROUP_PIDS)", true},
	{"cgroup cpu", has_cpu, false, "enable the cpu controller (CONFIG_CGROUP_SCHED)", true},
	{"overlayfs", has_overlay, !CONFIG(VFS),
	 CONFIG(VFS) ? "modprobe overlay (CONFIG_OVERLAY_FS); without it layers are copied (vfs)"
		     : "modprobe overlay (CONFIG_OVERLAY_FS)",
	 true},
	{"nftables", has_nftables, false,
	 "modprobe nf_tables (CONFIG_NF_TABLES, NFT_NAT, NFT_FIB_IPV4); without it no bridge "
	 "network",
	 CONFIG(NET_BRIDGE)},
	{"OCI runtime", has_runtime, true, "install runc or crun", true},
	{"vsock", has_vsock, false, "modprobe vsock and a transport (only for vsock:// listeners)",
	 CONFIG(VSOCK)},
	{"entropy", has_entropy, true, "a working random number generator", true},
};

int check_main(int argc, char **argv)
{
	bool json = argc == 2 && !strcmp(argv[1], "--json"), first = true;
	int status = 0;

	if (argc > 1 && !json) {
		fputs("Usage: serind check [--json]\n", stderr);
		return 2;
	}
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		const struct check *c = &checks[i];
		bool ok;

		if (!c->built_in)
			continue;
		ok = c->ok();
		if (!ok && c->needed)
			status = 1;
		if (json)
			printf("%s{\"name\":\"%s\",\"ok\":%s,\"needed\":%s,\"remedy\":\"%s\"}",
			       first ? "[" : ",\n ", c->name, ok ? "true" : "false",
			       c->needed ? "true" : "false", ok ? "" : c->remedy);
		else
			printf("%-14s %s%s%s\n", c->name,
			       ok	   ? "ok"
			       : c->needed ? "MISSING"
					   : "absent",
			       ok ? "" : ": ", ok ? "" : c->remedy);
		first = false;
	}
	if (json)
		puts("]");
	return status;
}
