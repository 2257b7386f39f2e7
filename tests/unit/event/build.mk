# SPDX-License-Identifier: Apache-2.0
event-core := $(addprefix firmware/core/,arena.c buf.c clock.c err.c mem.c pool.c str.c) \
	$(addprefix firmware/fmt/,bind.c bind_copy.c bind_decode.c bind_encode.c json.c json_check.c \
	json_scan.c json_text.c json_write.c utf8.c)
event-sched := $(addprefix firmware/sched/,fiber.c waitq.c timer.c loop.c)
ifeq ($(CONFIG_FIBER_PTHREAD),y)
event-sched += firmware/sched/fiber_pthread.c
else
event-sched += firmware/sched/fiber_asm.c firmware/sched/fiber_switch_x86_64.S \
	firmware/sched/fiber_switch_aarch64.S
endif

units += event/test_bus
event/test_bus-srcs := runtime/event/bus.c $(event-core) $(event-sched)

units += event/test_filter
event/test_filter-srcs := runtime/event/filter.c runtime/event/bus.c $(event-core) $(event-sched)
