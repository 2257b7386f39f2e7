/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The default system call filter: a list of what is allowed, everything else fails with EPERM. The
 * names are those of Docker's default profile; some are allowed only with a capability that would
 * be useless without them. clone may not make namespaces; clone3, whose flags a filter cannot see,
 * is said not to exist, so that C libraries fall back to clone.
 */
#include <errno.h>

#include "runtime/spec/private.h"

/* Blank-separated, for brevity; cut up when written. */
static const char always[] =
	"_llseek _newselect accept accept4 access adjtimex alarm bind brk cachestat capget capset "
	"chdir chmod chown chown32 clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 "
	"clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64 close close_range "
	"connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl "
	"epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve "
	"execveat exit exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate "
	"fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 "
	"fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 "
	"fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait "
	"futex_waitv futex_wake futimesat get_robust_list get_thread_area getcpu getcwd getdents "
	"getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 "
	"getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid "
	"getresgid32 getresuid getresuid32 getrlimit getrusage getsid getsockname getsockopt "
	"gettid "
	"gettimeofday getuid getuid32 getxattr getxattrat inotify_add_watch inotify_init "
	"inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents "
	"io_pgetevents_time64 io_setup io_submit ioctl ioprio_get ioprio_set ipc kill "
	"landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lchown32 "
	"lgetxattr "
	"link linkat listen listmount listxattr listxattrat llistxattr lremovexattr lseek "
	"lsetxattr "
	"lstat lstat64 madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mkdir "
	"mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 mprotect mq_getsetattr mq_notify "
	"mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink "
	"mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall munmap "
	"name_to_handle_at nanosleep newfstatat open openat openat2 pause pidfd_open "
	"pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 "
	"prctl pread64 preadv preadv2 prlimit64 process_mrelease process_vm_readv "
	"process_vm_writev pselect6 pselect6_time64 ptrace pwrite64 pwritev pwritev2 read "
	"readahead "
	"readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages "
	"removexattr removexattrat rename renameat renameat2 restart_syscall rmdir rseq "
	"rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend "
	"rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max "
	"sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler "
	"sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr "
	"sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop "
	"semtimedop semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto "
	"set_robust_list set_thread_area set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 "
	"setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 "
	"setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsid "
	"setsockopt setuid setuid32 setxattr setxattrat shmat shmctl shmdt shmget shutdown "
	"sigaltstack signalfd signalfd4 sigprocmask sigreturn socketcall socketpair splice stat "
	"stat64 statfs statfs64 statmount statx symlink symlinkat sync sync_file_range syncfs "
	"sysinfo tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime "
	"timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime "
	"timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill truncate truncate64 "
	"ugetrlimit umask uname unlink unlinkat uretprobe utime utimensat utimensat_time64 utimes "
	"vfork wait4 waitid waitpid write writev"
#if defined(__x86_64__) || defined(__i386__)
	" arch_prctl modify_ldt"
#elif defined(__aarch64__) || defined(__arm__)
	" arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2"
#elif defined(__riscv)
	" riscv_flush_icache"
#elif defined(__powerpc64__)
	" swapcontext sync_file_range2"
#elif defined(__s390x__)
	" s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr"
#endif
	;

static const struct {
	int cap;
	const char *names;
} with_cap[] = {
	{2, "open_by_handle_at"},
	{16, "delete_module finit_module init_module"},
	{17, "ioperm iopl"},
	{18, "chroot"},
	{19, "kcmp pidfd_getfd process_madvise"},
	{20, "acct"},
	{21,
	 "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount "
	 "mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname "
	 "sethostname setns syslog umount umount2 unshare"},
	{22, "reboot"},
	{23, "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"},
	{25, "clock_settime clock_settime64 settimeofday stime"},
	{26, "vhangup"},
	{34, "syslog"},
	{38, "perf_event_open"},
	{39, "bpf"},
};

#define CAP_NUMBER_SYS_ADMIN 21
#define NAMESPACE_FLAGS 0x7e020000 /* CLONE_NEWNS and all the other CLONE_NEW… */

struct rule_arg {
	const char *name;
	uint64_t value, value_two;
	const char *op;
};
static const struct rule_arg with_arg[] = {
	{"personality", 0x0, 0, "SCMP_CMP_EQ"},
	{"personality", 0x8, 0, "SCMP_CMP_EQ"},
	{"personality", 0x20000, 0, "SCMP_CMP_EQ"},
	{"personality", 0x20008, 0, "SCMP_CMP_EQ"},
	{"personality", 0xffffffff, 0, "SCMP_CMP_EQ"},
	/* Not AF_ALG (38), not AF_VSOCK (40): neither knows of network namespaces. */
	{"socket", 38, 0, "SCMP_CMP_LT"},
	{"socket", 39, 0, "SCMP_CMP_EQ"},
	{"socket", 40, 0, "SCMP_CMP_GT"},
};

static void write_names(struct json_writer *w, const char *names)
{
	struct str rest = str_from(names);

	json_key(w, "names");
	json_array_open(w);
	while (rest.n)
		json_put_str(w, str_cut(rest, ' ', &rest));
	json_array_close(w);
}

static void write_allow(struct json_writer *w, const char *names)
{
	json_object_open(w);
	write_names(w, names);
	json_kv_text(w, "action", "SCMP_ACT_ALLOW");
	json_object_close(w);
}

static void write_arg(struct json_writer *w, const struct rule_arg *a, int64_t index)
{
	json_object_open(w);
	write_names(w, a->name);
	json_kv_text(w, "action", "SCMP_ACT_ALLOW");
	json_key(w, "args");
	json_array_open(w);
	json_object_open(w);
	json_kv_i64(w, "index", index);
	json_key(w, "value");
	json_put_u64(w, a->value);
	json_key(w, "valueTwo");
	json_put_u64(w, a->value_two);
	json_kv_text(w, "op", a->op);
	json_object_close(w);
	json_array_close(w);
	json_object_close(w);
}

void seccomp_write_architectures(struct json_writer *w)
{
	json_key(w, "architectures");
	json_array_open(w);
#if defined(__x86_64__)
	json_put_text(w, "SCMP_ARCH_X86_64");
	json_put_text(w, "SCMP_ARCH_X86");
	json_put_text(w, "SCMP_ARCH_X32");
#elif defined(__aarch64__)
	json_put_text(w, "SCMP_ARCH_AARCH64");
	json_put_text(w, "SCMP_ARCH_ARM");
#elif defined(__riscv)
	json_put_text(w, "SCMP_ARCH_RISCV64");
#elif defined(__s390x__)
	json_put_text(w, "SCMP_ARCH_S390X");
	json_put_text(w, "SCMP_ARCH_S390");
#elif defined(__powerpc64__)
	json_put_text(w, "SCMP_ARCH_PPC64LE");
#endif
	json_array_close(w);
}

static void write_clone(struct json_writer *w)
{
	static const struct rule_arg clone = {"clone", NAMESPACE_FLAGS, 0, "SCMP_CMP_MASKED_EQ"};

#if defined(__s390x__)
	write_arg(w, &clone, 1);
#else
	write_arg(w, &clone, 0);
#endif
	json_object_open(w);
	write_names(w, "clone3");
	json_kv_text(w, "action", "SCMP_ACT_ERRNO");
	json_kv_i64(w, "errnoRet", ENOSYS);
	json_object_close(w);
}

void seccomp_write_default(struct json_writer *w, uint64_t caps)
{
	json_key(w, "seccomp");
	json_object_open(w);
	json_kv_text(w, "defaultAction", "SCMP_ACT_ERRNO");
	json_kv_i64(w, "defaultErrnoRet", EPERM);
	seccomp_write_architectures(w);
	json_key(w, "syscalls");
	json_array_open(w);
	write_allow(w, always);
	for (size_t i = 0; i < ARRAY_LEN(with_arg); i++)
		write_arg(w, &with_arg[i], 0);
	for (size_t i = 0; i < ARRAY_LEN(with_cap); i++) {
		if (caps & CAP_BIT(with_cap[i].cap))
			write_allow(w, with_cap[i].names);
	}
	if (!(caps & CAP_BIT(CAP_NUMBER_SYS_ADMIN)))
		write_clone(w);
	json_array_close(w);
	json_object_close(w);
}
