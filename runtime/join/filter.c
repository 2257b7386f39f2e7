/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A filter is one section for each architecture, and in a section a binary search over ranges of
 * system call numbers that share an action: some eight steps to a verdict, and short enough for the
 * kernel to work out beforehand which calls always pass. A call with conditions is a range of its
 * own whose leaf looks at the arguments.
 *
 * Refused, and so left to the runtime, is what depends on the order in which libseccomp happens to
 * test things: rules of one call with different actions, and on 32-bit x86 rules for calls that are
 * also reached through socketcall or ipc unless these are treated the same way.
 */
#include "runtime/join/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/core/mem.h"

#define CALLS_MAX 640
#define FAIL_JUMPS_MAX 32

static int cannot(struct err *e, const char *what)
{
	return err_set(e, ERR_NOT_IMPLEMENTED, "seccomp: %s", what);
}

/* --- which ranges --- */

/* Numbers from `from` up to the next range's: rules, or the action alone. */
struct range {
	uint32_t from;
	uint32_t action;
	const struct filter_rule *rules; /* conditional ones, or NULL */
	size_t n_rules;
};

struct section {
	enum syscall_arch arch;
	struct range ranges[2 * CALLS_MAX];
	size_t n;
	uint32_t last; /* greatest number that any rule names */
};

/* The rules of a name; they stand together. */
static size_t find_rules(const struct filter_profile *p, struct str name,
			 const struct filter_rule **ret)
{
	size_t lo = 0, hi = p->n_rules, n = 0;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		struct str at = p->rules[mid].name;
		int c = memcmp(at.p, name.p, MIN(at.n, name.n));

		if (c < 0 || (c == 0 && at.n < name.n))
			lo = mid + 1;
		else
			hi = mid;
	}
	while (lo + n < p->n_rules && str_eq(p->rules[lo + n].name, name))
		n++;
	*ret = n ? p->rules + lo : NULL;
	return n;
}

/* What a name's rules come to: a plain action, or conditional rules of one action. */
static int resolve(const struct filter_profile *p, struct str name, struct range *ret,
		   bool *ret_named, struct err *e)
{
	const struct filter_rule *rules;
	size_t n = find_rules(p, name, &rules), conditional = 0, counted = 0;
	uint32_t action = 0;

	*ret_named = n > 0;
	ret->rules = NULL;
	ret->n_rules = 0;
	ret->action = p->default_action;
	for (size_t i = 0; i < n; i++) {
		if (rules[i].action == p->default_action)
			continue;
		if (counted && rules[i].action != action)
			return cannot(e, "a system call with several actions");
		action = rules[i].action;
		counted++;
		conditional += rules[i].n_compares > 0;
	}
	if (!counted)
		return 0;
	ret->action = action;
	if (conditional < counted)
		return 0; /* one of them always holds */
	ret->rules = rules;
	ret->n_rules = n;
	return 0;
}

static bool same(const struct range *a, const struct range *b)
{
	return !a->rules && !b->rules && a->action == b->action;
}

/* 32-bit x86 reaches these by two ways, of which the older hides the arguments. */
static int check_multiplexed(const struct filter_profile *p, struct err *e)
{
	static const char *const ways[][2] = {
		{"socketcall",
		 "socket bind connect listen accept getsockname getpeername socketpair send recv "
		 "sendto recvfrom shutdown setsockopt getsockopt sendmsg recvmsg accept4 recvmmsg "
		 "sendmmsg"},
		{"ipc", "semop semget semctl semtimedop msgsnd msgrcv msgget msgctl shmat shmdt "
			"shmget shmctl"},
	};

	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		struct range old, one;
		struct str rest;
		bool named;

		if (resolve(p, str_from(ways[i][0]), &old, &named, e) < 0)
			return err_code(e);
		rest = str_from(ways[i][1]);
		while (rest.n) {
			if (resolve(p, str_cut(rest, ' ', &rest), &one, &named, e) < 0)
				return err_code(e);
			if (one.action != p->default_action &&
			    (old.rules || old.action != one.action))
				return cannot(e, "multiplexed calls with rules of their own");
		}
	}
	return 0;
}

static int by_number(const void *x, const void *y)
{
	const struct range *a = x, *b = y;

	return a->from < b->from ? -1 : a->from > b->from;
}

/* All calls that have a rule, by number. */
static int collect(const struct filter_profile *p, struct section *s, struct range *calls,
		   size_t *ret_n, struct err *e)
{
	struct syscall_walk walk = {.arch = s->arch};
	struct str name;
	uint32_t number;
	size_t n = 0;

	while (syscalls_next(&walk, &name, &number)) {
		bool named;

		if (n == CALLS_MAX)
			return cannot(e, "too many system calls");
		if (resolve(p, name, &calls[n], &named, e) < 0)
			return err_code(e);
		calls[n].from = number;
		if (!named)
			continue;
		s->last = MAX(s->last, number);
		if (calls[n].action != p->default_action)
			n++;
	}
	qsort(calls, n, sizeof(*calls), by_number);
	*ret_n = n;
	return 0;
}

static void append(struct section *s, struct range r)
{
	if (!s->n || !same(&s->ranges[s->n - 1], &r))
		s->ranges[s->n++] = r;
}

static int make_ranges(const struct filter_profile *p, struct section *s, struct arena *a,
		       struct err *e)
{
	struct range *calls = arena_alloc_array(a, CALLS_MAX, sizeof(*calls));
	struct range gap = {.from = 0, .action = p->default_action};
	size_t n = 0;

	if (!calls)
		return cannot(e, "no memory");
	if (collect(p, s, calls, &n, e) < 0)
		return err_code(e);
	append(s, gap);
	for (size_t i = 0; i < n; i++) {
		if (i && calls[i].from == calls[i - 1].from) { /* two names of one call */
			if (!same(&calls[i], &calls[i - 1]))
				return cannot(e, "a system call with several names");
			continue;
		}
		if (s->n && s->ranges[s->n - 1].from == calls[i].from)
			s->n--; /* the gap before it is empty */
		append(s, calls[i]);
		gap.from = calls[i].from + 1;
		append(s, gap);
	}
	if (p->enosys && s->last) {
		gap = (struct range){.from = s->last + 1, .action = SECCOMP_RET_ERRNO | ENOSYS};
		if (s->ranges[s->n - 1].from == gap.from)
			s->n--;
		append(s, gap);
	}
	return 0;
}

/* --- the program --- */

struct emitter {
	struct filter *f;
	bool failed;
	bool narrow; /* arguments have 32 bits */
	size_t fails[FAIL_JUMPS_MAX];
	bool fail_if_true[FAIL_JUMPS_MAX];
	size_t n_fails;
	uint32_t default_action;
};

static size_t emit(struct emitter *em, uint16_t code, uint32_t k, size_t jt, size_t jf)
{
	struct filter *f = em->f;

	if (f->n == BPF_MAXINSNS || jt > UINT8_MAX || jf > UINT8_MAX) {
		em->failed = true;
		return 0;
	}
	f->code[f->n] = (struct sock_filter){code, (uint8_t)jt, (uint8_t)jf, k};
	return f->n++;
}

static void emit_load(struct emitter *em, size_t offset)
{
	emit(em, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void emit_return(struct emitter *em, uint32_t action)
{
	emit(em, BPF_RET | BPF_K, action, 0, 0);
}

/* A jump whose target comes later: see land. */
static size_t emit_jump(struct emitter *em)
{
	return emit(em, BPF_JMP | BPF_JA, 0, 0, 0);
}

static void land(struct emitter *em, size_t jump)
{
	em->f->code[jump].k = (uint32_t)(em->f->n - jump - 1);
}

/* The rule is lost when the comparison is (not) true. */
static void emit_fail(struct emitter *em, uint16_t op, uint32_t k, bool if_true)
{
	if (em->n_fails == FAIL_JUMPS_MAX) {
		em->failed = true;
		return;
	}
	em->fail_if_true[em->n_fails] = if_true;
	em->fails[em->n_fails++] = emit(em, BPF_JMP | op | BPF_K, k, 0, 0);
}

static void land_fails(struct emitter *em)
{
	for (size_t i = 0; i < em->n_fails && !em->failed; i++) {
		size_t distance = em->f->n - em->fails[i] - 1;
		struct sock_filter *ins = &em->f->code[em->fails[i]];

		if (distance > UINT8_MAX)
			em->failed = true;
		else if (em->fail_if_true[i])
			ins->jt = (uint8_t)distance;
		else
			ins->jf = (uint8_t)distance;
	}
	em->n_fails = 0;
}

static size_t arg_offset(uint8_t arg, bool high)
{
	bool big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;

	return offsetof(struct seccomp_data, args) + arg * sizeof(uint64_t) + (high != big ? 4 : 0);
}

/* The lower half decides; what is left is as with 32 bits. */
static void emit_low(struct emitter *em, const struct filter_compare *c)
{
	uint32_t low = (uint32_t)c->value;

	emit_load(em, arg_offset(c->arg, false));
	switch (c->op) {
	case FILTER_MASKED:
		emit(em, BPF_ALU | BPF_AND | BPF_K, (uint32_t)c->mask, 0, 0);
		emit_fail(em, BPF_JEQ, low, false);
		return;
	case FILTER_EQ:
		emit_fail(em, BPF_JEQ, low, false);
		return;
	case FILTER_NE:
		emit_fail(em, BPF_JEQ, low, true);
		return;
	case FILTER_GT:
		emit_fail(em, BPF_JGT, low, false);
		return;
	case FILTER_GE:
		emit_fail(em, BPF_JGE, low, false);
		return;
	case FILTER_LT:
		emit_fail(em, BPF_JGE, low, true);
		return;
	case FILTER_LE:
		emit_fail(em, BPF_JGT, low, true);
		return;
	}
}

/* The upper half; falls through to the lower one where it does not decide. Two instructions of
 * emit_low, load and compare, are skipped where it says yes. */
static void emit_high(struct emitter *em, const struct filter_compare *c)
{
	uint32_t high = (uint32_t)(c->value >> 32);

	emit_load(em, arg_offset(c->arg, true));
	switch (c->op) {
	case FILTER_MASKED:
		emit(em, BPF_ALU | BPF_AND | BPF_K, (uint32_t)(c->mask >> 32), 0, 0);
		emit_fail(em, BPF_JEQ, high, false);
		return;
	case FILTER_EQ:
		emit_fail(em, BPF_JEQ, high, false);
		return;
	case FILTER_NE:
		emit(em, BPF_JMP | BPF_JEQ | BPF_K, high, 0, 2);
		return;
	case FILTER_GT:
	case FILTER_GE:
		emit(em, BPF_JMP | BPF_JGT | BPF_K, high, 3, 0);
		emit_fail(em, BPF_JEQ, high, false);
		return;
	case FILTER_LT:
	case FILTER_LE:
		emit_fail(em, BPF_JGT, high, true);
		emit(em, BPF_JMP | BPF_JEQ | BPF_K, high, 0, 2);
		return;
	}
}

static void emit_leaf(struct emitter *em, const struct range *r)
{
	for (size_t i = 0; i < r->n_rules; i++) {
		if (r->rules[i].action != r->action)
			continue; /* the default's own */
		for (size_t k = 0; k < r->rules[i].n_compares; k++) {
			if (!em->narrow)
				emit_high(em, &r->rules[i].compares[k]);
			emit_low(em, &r->rules[i].compares[k]);
		}
		emit_return(em, r->action);
		land_fails(em);
	}
	emit_return(em, r->rules ? em->default_action : r->action);
}

/* Is the search of these sure to be within reach of a conditional jump? */
static bool is_short(const struct range *ranges, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (ranges[i].rules)
			return false;
	}
	return 3 * n < UINT8_MAX;
}

static void emit_search(struct emitter *em, const struct range *ranges, size_t n)
{
	size_t mid = n / 2, jump;
	bool near = is_short(ranges, mid);

	if (n == 1) {
		emit_leaf(em, ranges);
		return;
	}
	jump = emit(em, BPF_JMP | BPF_JGE | BPF_K, ranges[mid].from, 0, !near);
	if (!near)
		jump = emit_jump(em);
	emit_search(em, ranges, mid);
	if (em->failed)
		return;
	if (near)
		em->f->code[jump].jt = (uint8_t)(em->f->n - jump - 1);
	else
		land(em, jump);
	emit_search(em, ranges + mid, n - mid);
}

static uint32_t audit_arch(enum syscall_arch arch)
{
	switch (arch) {
	case SYSCALLS_X86_64:
	case SYSCALLS_X32:
		return AUDIT_ARCH_X86_64;
	case SYSCALLS_X86:
		return AUDIT_ARCH_I386;
	case SYSCALLS_AARCH64:
		return AUDIT_ARCH_AARCH64;
	case SYSCALLS_ARM:
		return AUDIT_ARCH_ARM;
	case SYSCALLS_RISCV64:
		return AUDIT_ARCH_RISCV64;
	case SYSCALLS_NONE:
		break;
	}
	return 0;
}

static int emit_section(struct emitter *em, const struct filter_profile *p, enum syscall_arch arch,
			struct arena *a, struct err *e)
{
	struct section *s = arena_alloc(a, sizeof(*s));

	if (!s)
		return cannot(e, "no memory");
	s->arch = arch;
	if (arch == SYSCALLS_X86 && check_multiplexed(p, e) < 0)
		return err_code(e);
	if (make_ranges(p, s, a, e) < 0)
		return err_code(e);
	em->narrow = arch == SYSCALLS_X86 || arch == SYSCALLS_X32 || arch == SYSCALLS_ARM;
	emit_search(em, s->ranges, s->n);
	return 0;
}

static bool has_arch(const struct filter_profile *p, enum syscall_arch arch)
{
	for (size_t i = 0; i < p->n_arches; i++) {
		if (p->arches[i] == arch)
			return true;
	}
	return false;
}

/* x86_64 and x32 are one to the kernel but for a bit of the number. */
static int emit_x32(struct emitter *em, const struct filter_profile *p, struct arena *a,
		    struct err *e)
{
	int r = 0;
	size_t jump;

	emit(em, BPF_JMP | BPF_JGE | BPF_K, SYSCALLS_X32_BIT, 1, 0);
	jump = emit_jump(em);
	if (has_arch(p, SYSCALLS_X32)) {
		r = emit_section(em, p, SYSCALLS_X32, a, e);
	} else {
		emit(em, BPF_JMP | BPF_JEQ | BPF_K, UINT32_MAX, 0, 1);
		emit_return(em, p->default_action);
		emit_return(em, SECCOMP_RET_KILL_THREAD);
	}
	land(em, jump);
	return r;
}

int filter_compile(const struct filter_profile *profile, struct arena *a, struct filter *ret,
		   struct err *e)
{
	struct emitter em = {.f = ret, .default_action = profile->default_action};

	ret->n = 0;
	ret->flags = profile->flags;
	for (size_t i = 0; i < profile->n_arches; i++) {
		enum syscall_arch arch = profile->arches[i];
		size_t jump;
		int r = 0;

		if (arch == SYSCALLS_X32)
			continue;
		emit_load(&em, offsetof(struct seccomp_data, arch));
		emit(&em, BPF_JMP | BPF_JEQ | BPF_K, audit_arch(arch), 1, 0);
		jump = emit_jump(&em);
		emit_load(&em, offsetof(struct seccomp_data, nr));
		if (arch == SYSCALLS_X86_64)
			r = emit_x32(&em, profile, a, e);
		if (r == 0)
			r = emit_section(&em, profile, arch, a, e);
		if (r < 0)
			return r;
		land(&em, jump);
	}
	emit_return(&em, SECCOMP_RET_KILL_THREAD); /* an architecture not named */
	if (em.failed) {
		ret->n = 0;
		return cannot(e, "the filter becomes too long");
	}
	return 0;
}
