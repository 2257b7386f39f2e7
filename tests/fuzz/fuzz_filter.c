/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes are read as a seccomp profile. What is accepted must become a program that the kernel
 * would take: jumps go forward and stay inside, loads are of what there is, every way ends in a
 * verdict.
 */
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "runtime/join/filter.h"

static void need(bool holds)
{
	if (!holds)
		abort();
}

static void check(const struct filter *f)
{
	need(f->n > 0 && f->n <= BPF_MAXINSNS);
	for (size_t i = 0; i < f->n; i++) {
		const struct sock_filter *ins = &f->code[i];

		switch (BPF_CLASS(ins->code)) {
		case BPF_LD:
			need(ins->k % 4 == 0 && ins->k < sizeof(struct seccomp_data));
			break;
		case BPF_JMP:
			if (BPF_OP(ins->code) == BPF_JA)
				need(ins->k < f->n - i - 1);
			else
				need(i + 1 + ins->jt < f->n && i + 1 + ins->jf < f->n);
			break;
		case BPF_ALU:
		case BPF_RET:
			break;
		default:
			need(false);
		}
	}
	need(f->code[f->n - 1].code == (BPF_RET | BPF_K));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct filter filter;
	struct filter_profile profile;
	struct arena a = {0};
	struct json_node root;
	struct err e = ERR_INIT;

	arena_open_heap(&a, 16 << 20);
	if (json_parse(str_span((const char *)data, size), &a, &root, &e) == 0 &&
	    filter_read(root, size & 1, &a, &profile, &e) == 0 &&
	    filter_compile(&profile, &a, &filter, &e) == 0)
		check(&filter);
	arena_done(&a);
	return 0;
}
