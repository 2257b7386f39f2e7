# SPDX-License-Identifier: Apache-2.0
sched-fiber := firmware/sched/fiber.c firmware/sched/waitq.c firmware/sched/timer.c \
	firmware/sched/loop.c firmware/core/clock.c firmware/core/str.c firmware/core/err.c \
	firmware/core/pool.c
ifeq ($(CONFIG_FIBER_PTHREAD),y)
sched-fiber += firmware/sched/fiber_pthread.c
else
sched-fiber += firmware/sched/fiber_asm.c firmware/sched/fiber_switch_x86_64.S \
	firmware/sched/fiber_switch_aarch64.S
endif

units += sched/test_timer
sched/test_timer-srcs := firmware/sched/timer.c

units += sched/test_loop
sched/test_loop-srcs := $(sched-fiber)

units += sched/test_fiber
sched/test_fiber-srcs := $(sched-fiber)
sched/test_fiber-libs := -lm

units += sched/test_io
sched/test_io-srcs := $(sched-fiber) firmware/sched/io.c

units += sched/test_job
sched/test_job-srcs := $(sched-fiber) firmware/sched/job.c

units += sched/test_child
sched/test_child-srcs := $(sched-fiber) firmware/sched/io.c firmware/sched/job.c firmware/sched/child.c firmware/sched/child_run.c \
	firmware/core/mem.c firmware/core/arena.c

units += sched/test_registers
sched/test_registers-srcs := $(sched-fiber) tests/unit/sched/registers.S
