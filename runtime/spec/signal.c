/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "runtime/spec/spec.h"

#define RT_MIN 34 /* first real-time signal that the C libraries leave to programs */
#define RT_MAX 64

static const struct {
	const char *name;
	int signo;
} signals[] = {
	{"ABRT", SIGABRT}, {"ALRM", SIGALRM}, {"BUS", SIGBUS},	     {"CHLD", SIGCHLD},
	{"CLD", SIGCHLD},  {"CONT", SIGCONT}, {"FPE", SIGFPE},	     {"HUP", SIGHUP},
	{"ILL", SIGILL},   {"INT", SIGINT},   {"IO", SIGIO},	     {"IOT", SIGABRT},
	{"KILL", SIGKILL}, {"PIPE", SIGPIPE}, {"POLL", SIGIO},	     {"PROF", SIGPROF},
	{"PWR", SIGPWR},   {"QUIT", SIGQUIT}, {"SEGV", SIGSEGV},     {"STKFLT", SIGSTKFLT},
	{"STOP", SIGSTOP}, {"SYS", SIGSYS},   {"TERM", SIGTERM},     {"TRAP", SIGTRAP},
	{"TSTP", SIGTSTP}, {"TTIN", SIGTTIN}, {"TTOU", SIGTTOU},     {"URG", SIGURG},
	{"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"VTALRM", SIGVTALRM}, {"WINCH", SIGWINCH},
	{"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ}, {"RTMIN", RT_MIN},     {"RTMAX", RT_MAX},
};

static int find(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		if (str_ieqz(name, signals[i].name))
			return signals[i].signo;
	}
	return 0;
}

/* RTMIN+n and RTMAX-n */
static int find_real_time(struct str name)
{
	struct str low = name, high = name, rest;
	uint64_t n;

	if (str_ieqz(str_cut(low, '+', &rest), "RTMIN") && str_to_u64(rest, &n) == 0 &&
	    n <= RT_MAX - RT_MIN)
		return RT_MIN + (int)n;
	if (str_ieqz(str_cut(high, '-', &rest), "RTMAX") && str_to_u64(rest, &n) == 0 &&
	    n <= RT_MAX - RT_MIN)
		return RT_MAX - (int)n;
	return 0;
}

int signal_parse(const char *text, int *ret_signo, struct err *e)
{
	struct str name = str_from(text);
	uint64_t number;
	int signo;

	if (str_to_u64(name, &number) == 0) {
		signo = number <= RT_MAX ? (int)number : 0;
	} else {
		if (name.n > 3 && str_ieqz(str_span(name.p, 3), "SIG"))
			name = str_span(name.p + 3, name.n - 3);
		signo = find(name);
		if (!signo)
			signo = find_real_time(name);
	}
	if (!signo)
		return err_set(e, ERR_INVALID, "invalid signal: %s", text ? text : "");
	*ret_signo = signo;
	return 0;
}
