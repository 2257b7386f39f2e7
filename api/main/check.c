/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `serind check`: can this machine run containers, and if not, what is missing and what helps. A
 * line a check; the exit status is 0 when all that is needed is there.
 */
#include "api/main/check.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/main/daemon.h"
#include "firmware/core/config.h"
#include "firmware/fmt/json.h"

#define PROBE_MS 5000 /* of silence */
#define OUTPUT_MAX (64u << 10)

static const struct check {
	const char *name;
	check_fn *look;
	bool needed; /* containers cannot run without */
	const char *remedy;
	bool built_in; /* what would need it is in this build */
} checks[] = {
	{"root", check_root, true,
	 "run as root: containers are made with mounts and namespaces, and much cannot be seen "
	 "without",
	 true},
	{"kernel", check_kernel, true, "Linux 5.6 or newer (openat2, pidfd)", true},
	{"namespace mnt", check_ns_mnt, true, "a kernel with CONFIG_NAMESPACES", true},
	{"namespace pid", check_ns_pid, true, "a kernel with CONFIG_PID_NS", true},
	{"namespace net", check_ns_net, true, "a kernel with CONFIG_NET_NS", true},
	{"namespace ipc", check_ns_ipc, true, "a kernel with CONFIG_IPC_NS (and SYSVIPC)", true},
	{"namespace uts", check_ns_uts, true, "a kernel with CONFIG_UTS_NS", true},
	{"namespace cgroup", check_ns_cgroup, false,
	 "a kernel with CONFIG_CGROUPS; without it containers see the host's groups", true},
	{"namespace user", check_ns_user, false,
	 "a kernel with CONFIG_USER_NS, user.max_user_namespaces above 0; only for user mapping",
	 true},
	{"seccomp", check_seccomp, false,
	 "a kernel with CONFIG_SECCOMP_FILTER; without it run with --security-opt "
	 "seccomp=unconfined",
	 true},
	{"cgroups", check_cgroups, true,
	 "mount cgroup2 on /sys/fs/cgroup, writable (CONFIG_CGROUPS)", true},
	{"cgroup memory", check_cgroup_memory, false,
	 "enable the memory controller (CONFIG_MEMCG; cgroup_enable=memory on the kernel's "
	 "command line)",
	 true},
	{"cgroup pids", check_cgroup_pids, false, "enable the pids controller (CONFIG_CGROUP_PIDS)",
	 true},
	{"cgroup cpu", check_cgroup_cpu, false,
	 "enable the cpu controller (CONFIG_CGROUP_SCHED, CONFIG_CFS_BANDWIDTH)", true},
	{"cgroup cpuset", check_cgroup_cpuset, false,
	 "enable the cpuset controller (CONFIG_CPUSETS)", true},
	{"cgroup io", check_cgroup_io, false,
	 "enable the io (v1: blkio) controller (CONFIG_BLK_CGROUP)", true},
	{"cgroup devices", check_cgroup_devices, false,
	 "v1: CONFIG_CGROUP_DEVICE; v2: CONFIG_CGROUP_BPF and CONFIG_BPF_SYSCALL", true},
	{"cgroup freezer", check_cgroup_freezer, false,
	 "v1: CONFIG_CGROUP_FREEZER; v2: Linux 5.2; without it nothing can be paused", true},
	{"overlayfs", check_overlay, !CONFIG(VFS),
	 CONFIG(VFS) ? "modprobe overlay (CONFIG_OVERLAY_FS), and a data root on ext4, xfs, btrfs "
		       "or tmpfs; without it layers are copied (vfs)"
		     : "modprobe overlay (CONFIG_OVERLAY_FS), and a data root on ext4, xfs, btrfs "
		       "or tmpfs",
	 true},
	{"OCI runtime", check_runtime, true, "install runc or crun; with cgroup v1 it must be runc",
	 true},
	{"runc", check_runc, false, "install runc, or name another --default-runtime", true},
	{"crun", check_crun, false, "install crun (smaller, faster; needs cgroup v2); optional",
	 true},
	{"bridge", check_bridge, false,
	 "modprobe bridge veth (CONFIG_BRIDGE, CONFIG_VETH); without them no bridge network",
	 CONFIG(NET_BRIDGE)},
	{"nftables", check_nftables, false,
	 "modprobe nf_tables nft_chain_nat nft_masq nft_ct nft_fib_ipv4 (CONFIG_NF_TABLES_IPV4, "
	 "CONFIG_NFT_NAT, CONFIG_NFT_MASQ, CONFIG_NFT_CT, CONFIG_NFT_FIB_IPV4); without them no "
	 "bridge network",
	 CONFIG(NET_BRIDGE)},
	{"forwarding", check_forward, false,
	 "sysctl net.ipv4.ip_forward=1, or a /proc/sys that the daemon may write",
	 CONFIG(NET_BRIDGE)},
	{"ports", check_ports, false,
	 "bring the loopback interface up (ip link set lo up), and leave "
	 "net.ipv4.ip_local_port_range some room",
	 CONFIG(NET_BRIDGE)},
	{"vsock", check_vsock, false,
	 "modprobe vsock and a transport (vmw_vsock_virtio_transport in a guest); only for "
	 "vsock:// listeners",
	 CONFIG(VSOCK)},
	{"disk", check_disk, false, "free at least 256 MiB where the data root is", true},
	{"inodes", check_inodes, false,
	 "free inodes where the data root is (or make the file "
	 "system with more: mkfs.ext4 -i 8192)",
	 true},
	{"memory", check_memory, false, "give the machine more memory: 32 MiB must be available",
	 true},
	{"open files", check_files, false, "raise the limit: LimitNOFILE=65536, ulimit -n", true},
	{"entropy", check_entropy, true,
	 "wait for the kernel's random number generator, or give the machine virtio-rng", true},
	{"time", check_time, false,
	 "set the clock (a time service, or the host's); certificates are not valid yet", true},
	{"group", check_group, false,
	 "groupadd docker (or --group NAME): until then root alone may use the Unix socket", true},
};

enum check_state check_say(struct check_env *env, enum check_state state, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(env->detail, sizeof(env->detail), fmt, ap);
	va_end(ap);
	return state;
}

unsigned long long check_number(const char **text)
{
	unsigned long long n = 0;
	const char *p = *text;

	while (*p && (*p < '0' || *p > '9'))
		p++;
	for (; *p >= '0' && *p <= '9'; p++)
		n = n * 10 + (unsigned long long)(*p - '0');
	*text = p;
	return n;
}

bool check_line(const char *path, char *line, size_t size)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fgets(line, (int)size, f);

	if (f)
		fclose(f);
	if (ok)
		line[strcspn(line, "\n")] = '\0';
	return ok;
}

/* The child's words until it closes the pipe; false when it takes too long. */
static bool read_words(int fd, char *words, size_t size)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t n = 0;
	char more[64];

	for (;;) {
		bool full = n + 1 >= size;
		ssize_t r;

		if (poll(&p, 1, PROBE_MS) <= 0)
			return false;
		r = full ? read(fd, more, sizeof(more)) : read(fd, words + n, size - 1 - n);
		if (r <= 0)
			break;
		n += full ? 0 : (size_t)r;
	}
	words[n] = '\0';
	words[strcspn(words, "\n")] = '\0';
	return true;
}

bool check_in_child(struct check_env *env, int (*probe)(const void *arg, int out), const void *arg)
{
	int ends[2], status = 1;
	pid_t pid;
	bool ended;

	if (pipe(ends) < 0)
		return false;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		setpgid(0, 0);
		_exit(probe(arg, ends[1]) != 0);
	}
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return check_say(env, CHECK_BAD, "no process for the test") == CHECK_OK;
	}
	ended = read_words(ends[0], env->detail, sizeof(env->detail));
	close(ends[0]);
	if (!ended) {
		kill(-pid, SIGKILL);
		kill(pid, SIGKILL);
		check_say(env, CHECK_BAD, "no end within %d ms", PROBE_MS);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return ended && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* --- what it says --- */

static const char *word(const struct check *c, enum check_state state)
{
	return state == CHECK_OK	? "ok"
	       : state == CHECK_UNKNOWN ? "unknown"
	       : c->needed		? "MISSING"
					: "absent";
}

static void print_line(const struct check *c, enum check_state state, const char *detail)
{
	const char *remedy = state == CHECK_BAD ? c->remedy : "";

	printf("%-16s %s", c->name, word(c, state));
	if (*detail || *remedy)
		printf(": %s%s%s", detail, *detail && *remedy ? "; " : "", remedy);
	putchar('\n');
}

static void put_json(struct json_writer *w, const struct check *c, enum check_state state,
		     const char *detail)
{
	static const char *const states[] = {
		[CHECK_OK] = "ok", [CHECK_BAD] = "absent", [CHECK_UNKNOWN] = "unknown"};

	json_object_open(w);
	json_kv_text(w, "name", c->name);
	json_kv_bool(w, "ok", state == CHECK_OK);
	json_kv_bool(w, "needed", c->needed);
	json_kv_text(w, "state", states[state]);
	json_kv_text(w, "detail", detail);
	json_kv_text(w, "remedy", state == CHECK_BAD ? c->remedy : "");
	json_object_close(w);
}

static int run_checks(struct check_env *env, bool json)
{
	struct json_writer w;
	struct buf out CLEANUP_BUF;
	int status = 0;

	buf_init_heap(&out, OUTPUT_MAX);
	json_begin(&w, &out);
	w.pretty = true;
	json_array_open(&w);
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		const struct check *c = &checks[i];
		enum check_state state;

		if (!c->built_in)
			continue;
		env->detail[0] = '\0';
		state = c->look(env);
		if (state == CHECK_BAD && c->needed)
			status = 1;
		if (json)
			put_json(&w, c, state, env->detail);
		else
			print_line(c, state, env->detail);
	}
	json_array_close(&w);
	if (json)
		puts(buf_text(&out));
	return status;
}

int check_main(int argc, char **argv)
{
	struct check_env env = {.data_root = "/var/lib/serin", .group = "docker"};
	bool json = false;

	for (int i = 1; i < argc; i++) {
		bool more = i + 1 < argc;

		if (!strcmp(argv[i], "--json")) {
			json = true;
		} else if (!strcmp(argv[i], "--data-root") && more) {
			env.data_root = argv[++i];
		} else if (!strcmp(argv[i], "--group") && more) {
			env.group = argv[++i];
		} else {
			fputs("Usage: serind check [--json] [--data-root PATH] [--group NAME]\n",
			      stderr);
			return 2;
		}
	}
	return run_checks(&env, json);
}
