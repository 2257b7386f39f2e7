/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs are run by an interpreter of our own, for every call of every architecture and arguments
 * around each value that a rule names, against what the document says in plain words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <string.h>

#include "runtime/join/filter.h"
#include "tests/unit/spec/document.h"

static struct filter_profile profile;
static struct filter filter;
static struct arena memory;

static uint32_t run(uint32_t arch, uint32_t nr, const uint64_t *args)
{
	struct seccomp_data data = {.nr = (int)nr, .arch = arch};
	uint32_t a = 0;
	size_t pc = 0;

	memcpy(data.args, args, sizeof(data.args));
	for (;;) {
		const struct sock_filter *i = &filter.code[pc++];
		bool yes = false;

		assert_true(pc <= filter.n);
		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			assert_true(i->k + 4 <= sizeof(data) && i->k % 4 == 0);
			memcpy(&a, (char *)&data + i->k, sizeof(a));
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			continue;
		case BPF_RET | BPF_K:
			return i->k;
		case BPF_JMP | BPF_JA:
			pc += i->k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			yes = a == i->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			yes = a > i->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			yes = a >= i->k;
			break;
		default:
			fail_msg("instruction %x", i->code);
		}
		pc += yes ? i->jt : i->jf;
	}
}

static int compile(struct json_node seccomp, bool enosys)
{
	int r;

	err_clear(&e);
	arena_done(&memory);
	arena_open_heap(&memory, 16 << 20);
	r = filter_read(seccomp, enosys, &memory, &profile, &e);
	return r < 0 ? r : filter_compile(&profile, &memory, &filter, &e);
}

static int compile_text(const char *text, bool enosys)
{
	static struct arena parsed;
	struct json_node node;

	arena_done(&parsed);
	arena_open_heap(&parsed, 1 << 20);
	assert_int_equal(json_parse(str_from(text), &parsed, &node, &e), 0);
	return compile(node, enosys);
}

static bool holds_for(const struct filter_compare *c, uint64_t v, bool narrow)
{
	uint64_t mask = narrow ? UINT32_MAX : UINT64_MAX, want = c->value & mask;

	v &= mask;
	switch (c->op) {
	case FILTER_NE:
		return v != want;
	case FILTER_LT:
		return v < want;
	case FILTER_LE:
		return v <= want;
	case FILTER_EQ:
		return v == want;
	case FILTER_GE:
		return v >= want;
	case FILTER_GT:
		return v > want;
	case FILTER_MASKED:
		return (v & c->mask & mask) == want;
	}
	return false;
}

static uint32_t expected(struct str name, const uint64_t *args, bool narrow, bool *ret_named)
{
	for (size_t i = 0; i < profile.n_rules; i++) {
		const struct filter_rule *r = &profile.rules[i];
		bool all = true;

		if (!str_eq(r->name, name))
			continue;
		*ret_named = true;
		for (size_t k = 0; k < r->n_compares; k++)
			all = all && holds_for(&r->compares[k], args[r->compares[k].arg], narrow);
		if (all)
			return r->action;
	}
	return profile.default_action;
}

static const struct {
	enum syscall_arch arch;
	uint32_t audit;
	bool narrow;
} kinds[] = {
	{SYSCALLS_X86_64, AUDIT_ARCH_X86_64, false}, {SYSCALLS_X86, AUDIT_ARCH_I386, true},
	{SYSCALLS_X32, AUDIT_ARCH_X86_64, true},     {SYSCALLS_AARCH64, AUDIT_ARCH_AARCH64, false},
	{SYSCALLS_ARM, AUDIT_ARCH_ARM, true},	     {SYSCALLS_RISCV64, AUDIT_ARCH_RISCV64, false},
};

static void check_call(size_t kind, struct str name, uint32_t nr, bool *ret_named)
{
	static const uint64_t around[] = {
		0,
		1,
		7,
		8,
		9,
		37,
		38,
		39,
		40,
		41,
		0x1ffff,
		0x20000,
		0x20008,
		0x20009,
		1 << 17,
		0x10000000,
		0x02000000,
		0x7e020000,
		0x7fffffff,
		0xffffffff,
		0x100000000,
		38ULL + (1ULL << 32),
		8ULL | 1ULL << 40,
		UINT64_MAX,
	};

	for (size_t i = 0; i < ARRAY_LEN(around); i++) {
		uint64_t args[6] = {around[i], 3, 3, 3, 3, 3};
		uint32_t want = expected(name, args, kinds[kind].narrow, ret_named);
		uint32_t got = run(kinds[kind].audit, nr, args);

		if (want != got)
			fail_msg(STR_FMT " (%u) with %llx: %x, not %x", STR_ARG(name), nr,
				 (unsigned long long)around[i], got, want);
	}
}

/* All calls of all architectures; then those that have no name. */
static void check_all(bool enosys)
{
	const uint64_t none[6] = {0};

	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct syscall_walk walk = {.arch = kinds[k].arch};
		bool there = false, seen[2048] = {false};
		uint32_t nr, bit = kinds[k].arch == SYSCALLS_X32 ? SYSCALLS_X32_BIT : 0, last = 0;
		struct str name;

		for (size_t i = 0; i < profile.n_arches; i++)
			there |= profile.arches[i] == kinds[k].arch;
		if (!there)
			continue;
		while (syscalls_next(&walk, &name, &nr)) {
			bool named = false;

			assert_int_equal(nr & SYSCALLS_X32_BIT, bit);
			if ((nr & ~bit) < ARRAY_LEN(seen))
				seen[nr & ~bit] = true;
			(void)expected(name, none, false, &named);
			if (named && nr > last)
				last = nr;
		}
		walk = (struct syscall_walk){.arch = kinds[k].arch};
		while (syscalls_next(&walk, &name, &nr)) {
			bool named = false;

			if (!enosys || nr <= last)
				check_call(k, name, nr, &named);
		}
		for (uint32_t i = 0; i < ARRAY_LEN(seen); i++) {
			uint32_t want = enosys && (i | bit) > last ? SECCOMP_RET_ERRNO | ENOSYS
								   : profile.default_action;

			if (!seen[i] && !(kinds[k].arch == SYSCALLS_X86_64 && bit))
				assert_int_equal(run(kinds[k].audit, i | bit, none), want);
		}
	}
}

static void test_default_profile(void **state)
{
	static const char *more[] = {"ALL"};

	(void)state;
	make();
	assert_int_equal(compile(json_get(json_get(root, "linux"), "seccomp"), true), 0);
	assert_true(profile.enosys);
	assert_true(filter.n < 1500);
	check_all(true);
	assert_int_equal(compile(json_get(json_get(root, "linux"), "seccomp"), false), 0);
	check_all(false);
	host.cap_add = (struct texts){more, 1, true};
	make();
	assert_int_equal(compile(json_get(json_get(root, "linux"), "seccomp"), true), 0);
	check_all(true);
}

static void test_other_architectures(void **state)
{
	const uint64_t none[6] = {0};

	(void)state;
	assert_int_equal(compile_text("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{"
				      "\"names\":[\"mkdirat\"],\"action\":\"SCMP_ACT_KILL\"}]}",
				      true),
			 0);
	assert_false(profile.enosys);
	assert_int_equal(profile.n_arches, 1);
	check_all(false);
	assert_int_equal(run(AUDIT_ARCH_MIPS, 1, none), SECCOMP_RET_KILL_THREAD);
#if defined(__x86_64__)
	assert_int_equal(run(AUDIT_ARCH_I386, 1, none), SECCOMP_RET_KILL_THREAD);
	assert_int_equal(run(AUDIT_ARCH_X86_64, SYSCALLS_X32_BIT | 1, none),
			 SECCOMP_RET_KILL_THREAD);
	assert_int_equal(run(AUDIT_ARCH_X86_64, UINT32_MAX, none), SECCOMP_RET_ALLOW);
#endif
}

#define ONE_RULE(args)                                                                             \
	"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,\"architectures\":["         \
	"\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\",\"SCMP_ARCH_AARCH64\","          \
	"\"SCMP_ARCH_ARM\"],\"syscalls\":[{\"names\":[\"personality\",\"read\"],"                  \
	"\"action\":\"SCMP_ACT_TRACE\",\"errnoRet\":9,\"args\":[" args "]}]}"

static void test_operators(void **state)
{
	static const char *const ops[] = {"NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"};
	static const char *const values[] = {
		"0", "8", "38", "131080", "4294967295", "4294967334", "18446744073709551615"};
	static char text[2048];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		for (size_t k = 0; k < ARRAY_LEN(values); k++) {
			text_format(text, sizeof(text),
				    ONE_RULE("{\"index\":0,\"value\":%s,\"valueTwo\":%s,"
					     "\"op\":\"SCMP_CMP_%s\"},{\"index\":5,\"value\":3,"
					     "\"op\":\"SCMP_CMP_EQ\"}"),
				    values[k], values[k], ops[i]);
			assert_int_equal(compile_text(text, true), 0);
			assert_int_equal(profile.n_rules, 2);
			check_all(false);
		}
	}
}

/* Two conditions on one argument are alternatives. */
static void test_same_argument(void **state)
{
	const uint64_t a[6] = {8}, b[6] = {9}, c[6] = {10};
	uint32_t arch = 0, nr = 0;

	(void)state;
	assert_int_equal(compile_text(ONE_RULE("{\"index\":0,\"value\":8,\"op\":\"SCMP_CMP_EQ\"},"
					       "{\"index\":0,\"value\":9,\"op\":\"SCMP_CMP_EQ\"}"),
				      true),
			 0);
	assert_int_equal(profile.n_rules, 4);
	check_all(false);
#if defined(__x86_64__)
	arch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
	arch = AUDIT_ARCH_AARCH64;
	nr = 63;
#endif
	assert_int_equal(run(arch, nr, a), SECCOMP_RET_TRACE | 9);
	assert_int_equal(run(arch, nr, b), SECCOMP_RET_TRACE | 9);
	assert_int_equal(run(arch, nr, c), SECCOMP_RET_ERRNO | 38);
}

static void test_left_to_the_runtime(void **state)
{
	static const char *const texts[] = {
		"{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/x\"}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_FILTER_FLAG_X\"]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"]}]}",
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":70000}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],"
		"\"action\":\"SCMP_ACT_KILL\"},{\"names\":[\"read\"],\"action\":\"SCMP_ACT_LOG\"}]"
		"}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],"
		"\"action\":\"SCMP_ACT_KILL\",\"args\":[{\"index\":6,\"value\":1,"
		"\"op\":\"SCMP_CMP_EQ\"}]}]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],"
		"\"action\":\"SCMP_ACT_KILL\",\"args\":[{\"index\":0,\"value\":-1,"
		"\"op\":\"SCMP_CMP_EQ\"}]}]}",
#if defined(__x86_64__)
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86\"],"
		"\"syscalls\":[{\"names\":[\"bind\"],\"action\":\"SCMP_ACT_ALLOW\"}]}",
#endif
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		compile_text(texts[i], true);
		if (e.kind != ERR_NOT_IMPLEMENTED)
			fail_msg("%s: %s", texts[i], e.msg);
	}
}

static uint32_t number_of(enum syscall_arch arch, const char *name)
{
	struct syscall_walk walk = {.arch = arch};
	struct str at;
	uint32_t nr;

	while (syscalls_next(&walk, &at, &nr)) {
		if (str_eqz(at, name))
			return nr;
	}
	return UINT32_MAX;
}

static void test_tables(void **state)
{
	(void)state;
#if defined(__x86_64__)
	assert_int_equal(number_of(SYSCALLS_X86_64, "read"), 0);
	assert_int_equal(number_of(SYSCALLS_X86_64, "clone3"), 435);
	assert_int_equal(number_of(SYSCALLS_X86, "read"), 3);
	assert_int_equal(number_of(SYSCALLS_X86, "clock_gettime64"), 403);
	assert_int_equal(number_of(SYSCALLS_X32, "read"), SYSCALLS_X32_BIT);
	assert_int_equal(number_of(SYSCALLS_X32, "ioctl"), SYSCALLS_X32_BIT | 514);
	assert_int_equal(number_of(SYSCALLS_X32, "clone3"), SYSCALLS_X32_BIT | 435);
	assert_int_equal(number_of(SYSCALLS_X32, "uselib"), UINT32_MAX);
#elif defined(__aarch64__)
	assert_int_equal(number_of(SYSCALLS_AARCH64, "read"), 63);
	assert_int_equal(number_of(SYSCALLS_ARM, "set_tls"), 983045);
#endif
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct syscall_walk walk = {.arch = kinds[k].arch};
		size_t n = 0;
		struct str name;
		uint32_t nr;

		while (syscalls_next(&walk, &name, &nr)) {
			assert_true(name.n > 1 && name.n < 32);
			n++;
		}
		assert_int_equal(n > 300, syscalls_known(kinds[k].arch));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test_setup_teardown(test_default_profile, document_setup,
						document_teardown),
		cmocka_unit_test(test_other_architectures),
		cmocka_unit_test(test_operators),
		cmocka_unit_test(test_same_argument),
		cmocka_unit_test(test_left_to_the_runtime),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
