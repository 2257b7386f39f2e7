# SPDX-License-Identifier: Apache-2.0
log-json := $(addprefix firmware/fmt/,json.c json_check.c json_scan.c json_text.c json_write.c utf8.c) \
	$(addprefix firmware/core/,arena.c buf.c clock.c err.c mem.c pool.c str.c)
log-sched := $(addprefix firmware/sched/,fiber.c waitq.c timer.c loop.c job.c)
ifeq ($(CONFIG_FIBER_PTHREAD),y)
log-sched += firmware/sched/fiber_pthread.c
else
log-sched += firmware/sched/fiber_asm.c firmware/sched/fiber_switch_x86_64.S \
	firmware/sched/fiber_switch_aarch64.S
endif

units += log/test_log_parse
log/test_log_parse-srcs := runtime/log/log_parse.c $(log-json)

units += log/test_log_chain
log/test_log_chain-srcs := runtime/log/log_chain.c

units += log/test_log_reader
log/test_log_reader-srcs := $(addprefix runtime/log/,log_reader.c log_follow.c log_chain.c \
	log_local_parse.c log_parse.c log_source.c log_tail.c) $(addprefix runtime/shim/,log_file.c \
	log_gzip.c log_line.c log_local.c) $(log-json) $(log-sched)
log/test_log_reader-libs := -lz

units += log/test_log_local
log/test_log_local-srcs := runtime/log/log_local_parse.c runtime/shim/log_local.c $(log-json)
