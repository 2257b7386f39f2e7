/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/core/mem.h"
#include "runtime/join/filter.h"

#define RULES_MAX 8192

static int cannot(struct err *e, const char *what)
{
	return err_set(e, ERR_NOT_IMPLEMENTED, "seccomp: %s", what);
}

static const struct {
	const char *name;
	enum syscall_arch arch;
} arches[] = {
	{"SCMP_ARCH_X86_64", SYSCALLS_X86_64}, {"SCMP_ARCH_X86", SYSCALLS_X86},
	{"SCMP_ARCH_X32", SYSCALLS_X32},       {"SCMP_ARCH_AARCH64", SYSCALLS_AARCH64},
	{"SCMP_ARCH_ARM", SYSCALLS_ARM},       {"SCMP_ARCH_RISCV64", SYSCALLS_RISCV64},
};

#if defined(__x86_64__)
#define NATIVE SYSCALLS_X86_64
#elif defined(__aarch64__)
#define NATIVE SYSCALLS_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define NATIVE SYSCALLS_RISCV64
#else
#define NATIVE SYSCALLS_NONE
#endif

/* Ours is always one of them; those that cannot run here never reach the filter. */
static int read_arches(struct json_node list, struct arena *a, struct filter_profile *p,
		       struct err *e)
{
	struct json_iter it = {0};
	struct json_node v;
	struct str name;

	if (!syscalls_known(NATIVE))
		return cannot(e, "no table of this architecture's system calls");
	p->arches[p->n_arches++] = NATIVE;
	while (json_next(list, &it, NULL, NULL, &v)) {
		bool seen = false;
		size_t i = 0;

		if (json_string(v, a, &name) < 0)
			return cannot(e, "an architecture is not a text");
		while (i < ARRAY_LEN(arches) && !str_eqz(name, arches[i].name))
			i++;
		if (i == ARRAY_LEN(arches) || !syscalls_known(arches[i].arch))
			continue;
		for (size_t k = 0; k < p->n_arches; k++)
			seen |= p->arches[k] == arches[i].arch;
		if (!seen && p->n_arches < FILTER_ARCHES_MAX)
			p->arches[p->n_arches++] = arches[i].arch;
	}
	return 0;
}

/* node: what has "action" or "defaultAction" and perhaps a number to go with it. */
static int read_action(struct json_node node, const char *key, const char *number_key,
		       struct arena *a, uint32_t *ret, struct err *e)
{
	static const struct {
		const char *name;
		uint32_t action;
		bool with_number;
	} actions[] = {
		{"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD, false},
		{"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD, false},
		{"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS, false},
		{"SCMP_ACT_TRAP", SECCOMP_RET_TRAP, false},
		{"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO, true},
		{"SCMP_ACT_TRACE", SECCOMP_RET_TRACE, true},
		{"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW, false},
		{"SCMP_ACT_LOG", SECCOMP_RET_LOG, false},
	};
	struct json_node number = json_get(node, number_key);
	int64_t value = EPERM;
	struct str name;

	if (json_string(json_get(node, key), a, &name) < 0)
		return cannot(e, "a rule without an action");
	if (json_type(number) == JSON_NUMBER &&
	    (json_i64(number, &value) < 0 || value < 0 || value > 4095))
		return cannot(e, "an error number out of range");
	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		if (!str_eqz(name, actions[i].name))
			continue;
		*ret = actions[i].action | (actions[i].with_number ? (uint32_t)value : 0);
		return 0;
	}
	return cannot(e, "an action only the runtime knows");
}

static int read_number(struct json_node node, const char *key, uint64_t *ret)
{
	struct json_node v = json_get(node, key);

	*ret = 0;
	return json_type(v) == JSON_NUMBER ? str_to_u64(json_raw(v), ret) : 0;
}

static int read_compare(struct json_node node, struct arena *a, struct filter_compare *ret,
			struct err *e)
{
	static const struct {
		const char *name;
		enum filter_op op;
	} ops[] = {
		{"SCMP_CMP_NE", FILTER_NE},
		{"SCMP_CMP_LT", FILTER_LT},
		{"SCMP_CMP_LE", FILTER_LE},
		{"SCMP_CMP_EQ", FILTER_EQ},
		{"SCMP_CMP_GE", FILTER_GE},
		{"SCMP_CMP_GT", FILTER_GT},
		{"SCMP_CMP_MASKED_EQ", FILTER_MASKED},
	};
	uint64_t index, value, second;
	struct str name;
	size_t i = 0;

	if (json_string(json_get(node, "op"), a, &name) < 0 ||
	    read_number(node, "index", &index) < 0 || read_number(node, "value", &value) < 0 ||
	    read_number(node, "valueTwo", &second) < 0 || index >= FILTER_ARGS_MAX)
		return cannot(e, "a condition that is none");
	while (i < ARRAY_LEN(ops) && !str_eqz(name, ops[i].name))
		i++;
	if (i == ARRAY_LEN(ops))
		return cannot(e, "an operator only the runtime knows");
	*ret = (struct filter_compare){.arg = (uint8_t)index, .op = ops[i].op, .value = value};
	if (ops[i].op == FILTER_MASKED) {
		ret->mask = value;
		ret->value = second & value;
	}
	return 0;
}

struct reader {
	struct arena *a;
	struct filter_profile *p;
	size_t room;
};

static int add(struct reader *r, struct str name, uint32_t action,
	       const struct filter_compare *compares, size_t n, struct err *e)
{
	struct filter_profile *p = r->p;

	if (p->n_rules == r->room) {
		size_t room = r->room ? r->room * 2 : 512;
		void *grown = arena_grow(r->a, p->rules, r->room * sizeof(*p->rules),
					 room * sizeof(*p->rules));

		if (!grown || room > RULES_MAX)
			return cannot(e, "too many rules");
		p->rules = grown;
		r->room = room;
	}
	p->rules[p->n_rules++] = (struct filter_rule){name, action, compares, n};
	return 0;
}

/* Two conditions on one argument are alternatives, as in the runtime; else all must hold. */
static int add_name(struct reader *r, struct str name, uint32_t action,
		    const struct filter_compare *compares, size_t n, struct err *e)
{
	unsigned seen = 0;
	bool twice = false;

	for (size_t i = 0; i < n; i++) {
		twice |= (seen >> compares[i].arg) & 1;
		seen |= 1u << compares[i].arg;
	}
	if (!twice)
		return add(r, name, action, compares, n, e);
	for (size_t i = 0; i < n; i++) {
		int rc = add(r, name, action, compares + i, 1, e);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static int read_rule(struct reader *r, struct json_node rule, struct err *e)
{
	struct json_node list = json_get(rule, "args"), v;
	size_t n = 0, count = json_count(list);
	struct filter_compare *compares = NULL;
	struct json_iter it = {0};
	uint32_t action;
	struct str name;

	if (read_action(rule, "action", "errnoRet", r->a, &action, e) < 0)
		return err_code(e);
	if (count > 64)
		return cannot(e, "too many conditions");
	if (count)
		compares = arena_alloc_array(r->a, count, sizeof(*compares));
	if (count && !compares)
		return cannot(e, "no memory");
	while (json_next(list, &it, NULL, NULL, &v)) {
		if (read_compare(v, r->a, &compares[n++], e) < 0)
			return err_code(e);
	}
	it = (struct json_iter){0};
	while (json_next(json_get(rule, "names"), &it, NULL, NULL, &v)) {
		if (json_string(v, r->a, &name) < 0 || !name.n)
			return cannot(e, "a name that is none");
		if (add_name(r, name, action, compares, n, e) < 0)
			return err_code(e);
	}
	return 0;
}

static int read_flags(struct json_node list, struct arena *a, struct filter_profile *p,
		      struct err *e)
{
	struct json_iter it = {0};
	struct json_node v;
	struct str name;

	while (json_next(list, &it, NULL, NULL, &v)) {
		if (json_string(v, a, &name) < 0)
			return cannot(e, "a flag that is none");
		if (str_eqz(name, "SECCOMP_FILTER_FLAG_LOG"))
			p->flags |= SECCOMP_FILTER_FLAG_LOG;
		else if (str_eqz(name, "SECCOMP_FILTER_FLAG_SPEC_ALLOW"))
			p->flags |= SECCOMP_FILTER_FLAG_SPEC_ALLOW;
		else if (!str_eqz(name, "SECCOMP_FILTER_FLAG_TSYNC")) /* one thread: no matter */
			return cannot(e, "a flag only the runtime knows");
	}
	return 0;
}

static int by_name(const void *x, const void *y)
{
	const struct filter_rule *a = x, *b = y;
	int r = memcmp(a->name.p, b->name.p, MIN(a->name.n, b->name.n));

	if (r)
		return r;
	return a->name.n < b->name.n ? -1 : a->name.n > b->name.n;
}

/* What runc adds to a filter: not to one that lets pass by default, or says ENOSYS anyway. */
static bool wants_enosys(uint32_t action)
{
	uint32_t kind = action & SECCOMP_RET_ACTION_FULL;

	return kind != SECCOMP_RET_ALLOW && kind != SECCOMP_RET_LOG && kind != SECCOMP_RET_TRACE &&
	       action != (SECCOMP_RET_ERRNO | ENOSYS);
}

int filter_read(struct json_node seccomp, bool enosys, struct arena *a, struct filter_profile *ret,
		struct err *e)
{
	struct filter_profile p = {0};
	struct reader r = {.a = a, .p = &p};
	struct json_iter it = {0};
	struct json_node rule;
	int rc;

	if (json_type(json_get(seccomp, "listenerPath")) == JSON_STRING)
		return cannot(e, "a listener");
	rc = read_action(seccomp, "defaultAction", "defaultErrnoRet", a, &p.default_action, e);
	if (rc == 0)
		rc = read_flags(json_get(seccomp, "flags"), a, &p, e);
	if (rc == 0)
		rc = read_arches(json_get(seccomp, "architectures"), a, &p, e);
	while (rc == 0 && json_next(json_get(seccomp, "syscalls"), &it, NULL, NULL, &rule))
		rc = read_rule(&r, rule, e);
	if (rc < 0)
		return rc;
	p.enosys = enosys && wants_enosys(p.default_action);
	if (p.n_rules)
		qsort(p.rules, p.n_rules, sizeof(*p.rules), by_name);
	*ret = p;
	return 0;
}
