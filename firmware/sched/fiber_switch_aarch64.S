/* SPDX-License-Identifier: Apache-2.0 */
/*
 * void fiber_switch(void **save_sp, void *sp): put what the AAPCS64 says a callee keeps (x19-x29,
 * the link register, d8-d15, and FPCR) on this stack, leave the stack pointer in *save_sp, go over
 * to sp and take the same from there.
 *
 * A saved stack of 176 bytes, from sp upwards: x19, x20, ... x28, x29, x30, d8 ... d15, FPCR, pad.
 * fiber_asm.c lays out the first one of a new fiber.
 */
#if defined(__aarch64__)

	/* For debuggers only: nothing here unwinds at run time. */
	.cfi_sections .debug_frame
	.text

	.globl	fiber_switch
	.type	fiber_switch, %function
	.p2align 4
fiber_switch:
	.cfi_startproc
	hint	#34		/* bti c */
	sub	sp, sp, #176
	.cfi_def_cfa_offset 176
	stp	x19, x20, [sp, #0]
	.cfi_rel_offset x19, 0
	.cfi_rel_offset x20, 8
	stp	x21, x22, [sp, #16]
	.cfi_rel_offset x21, 16
	.cfi_rel_offset x22, 24
	stp	x23, x24, [sp, #32]
	.cfi_rel_offset x23, 32
	.cfi_rel_offset x24, 40
	stp	x25, x26, [sp, #48]
	.cfi_rel_offset x25, 48
	.cfi_rel_offset x26, 56
	stp	x27, x28, [sp, #64]
	.cfi_rel_offset x27, 64
	.cfi_rel_offset x28, 72
	stp	x29, x30, [sp, #80]
	.cfi_rel_offset x29, 80
	.cfi_rel_offset x30, 88
	stp	d8, d9, [sp, #96]
	stp	d10, d11, [sp, #112]
	stp	d12, d13, [sp, #128]
	stp	d14, d15, [sp, #144]
	mrs	x9, fpcr
	str	x9, [sp, #160]

	mov	x10, sp
	str	x10, [x0]
	mov	sp, x1

	/* The other stack has the same layout, so the rules above go on to hold. */
	ldr	x10, [sp, #160]
	cmp	x9, x10
	b.eq	1f		/* writing FPCR is slow, and it hardly ever differs */
	msr	fpcr, x10
1:	ldp	d14, d15, [sp, #144]
	ldp	d12, d13, [sp, #128]
	ldp	d10, d11, [sp, #112]
	ldp	d8, d9, [sp, #96]
	ldp	x29, x30, [sp, #80]
	ldp	x27, x28, [sp, #64]
	ldp	x25, x26, [sp, #48]
	ldp	x23, x24, [sp, #32]
	ldp	x21, x22, [sp, #16]
	ldp	x19, x20, [sp, #0]
	add	sp, sp, #176
	.cfi_def_cfa_offset 0
	ret
	.cfi_endproc
	.size	fiber_switch, . - fiber_switch

/*
 * Where a new fiber begins: the first switch returns to here with the context in x19 and the
 * function in x20. The function never returns. Debuggers stop unwinding here.
 */
	.globl	fiber_begin
	.type	fiber_begin, %function
	.p2align 4
fiber_begin:
	.cfi_startproc
	.cfi_undefined x30
	hint	#36		/* bti j */
	mov	x0, x19
	mov	x29, xzr
	mov	x30, xzr
	blr	x20
	brk	#1
	.cfi_endproc
	.size	fiber_begin, . - fiber_begin

#endif
	.section .note.GNU-stack, "", %progbits
