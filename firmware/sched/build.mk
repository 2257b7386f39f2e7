# SPDX-License-Identifier: Apache-2.0
srcs-y += child.c child_run.c
srcs-y += fiber.c
srcs-$(CONFIG_FIBER_ASM) += fiber_asm.c
srcs-$(CONFIG_FIBER_ASM) += fiber_switch_aarch64.S
srcs-$(CONFIG_FIBER_ASM) += fiber_switch_x86_64.S
srcs-$(CONFIG_FIBER_PTHREAD) += fiber_pthread.c
srcs-y += io.c
srcs-y += job.c
srcs-y += loop.c
srcs-y += timer.c
srcs-y += waitq.c
