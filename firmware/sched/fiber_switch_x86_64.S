/* SPDX-License-Identifier: Apache-2.0 */
/*
 * void fiber_switch(void **save_sp, void *sp): put what the System V ABI says a callee keeps (rbx,
 * rbp, r12-r15, the control words of SSE and the x87) on this stack, leave the stack pointer in
 * *save_sp, go over to sp and take the same from there.
 *
 * A saved stack, from sp upwards: MXCSR (4), x87 control word (2), pad (2), r15, r14, r13, r12,
 * rbx, rbp, return address. fiber_asm.c lays out the first one of a new fiber.
 */
#if defined(__x86_64__)

	/* For debuggers only: nothing here unwinds at run time. */
	.cfi_sections .debug_frame
	.text

	.globl	fiber_switch
	.type	fiber_switch, @function
	.p2align 4
fiber_switch:
	.cfi_startproc
	endbr64
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbp, 0
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r12, 0
	pushq	%r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r13, 0
	pushq	%r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r14, 0
	pushq	%r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r15, 0
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)

	movq	%rsp, (%rdi)
	movq	%rsi, %rsp

	/* The other stack has the same layout, so the rules above go on to hold. */
	ldmxcsr	(%rsp)
	fldcw	4(%rsp)
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	popq	%r15
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r15
	popq	%r14
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r14
	popq	%r13
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r13
	popq	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r12
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	popq	%rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbp
	ret
	.cfi_endproc
	.size	fiber_switch, . - fiber_switch

/*
 * Where a new fiber begins: the first switch returns to here with the context in rbx and the
 * function in r12. The function never returns. Debuggers stop unwinding here.
 */
	.globl	fiber_begin
	.type	fiber_begin, @function
	.p2align 4
fiber_begin:
	.cfi_startproc
	.cfi_undefined %rip
	endbr64
	movq	%rbx, %rdi
	xorl	%ebp, %ebp
	callq	*%r12
	ud2
	.cfi_endproc
	.size	fiber_begin, . - fiber_begin

#endif
	.section .note.GNU-stack, "", @progbits
