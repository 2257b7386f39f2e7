# SPDX-License-Identifier: Apache-2.0
shim-json := $(addprefix firmware/fmt/,json.c json_check.c json_scan.c json_text.c json_write.c utf8.c) \
	$(addprefix firmware/core/,arena.c buf.c err.c mem.c pool.c str.c)

shim-core := $(addprefix firmware/core/,arena.c buf.c clock.c err.c mem.c pool.c str.c)

units += shim/test_detach_keys
shim/test_detach_keys-srcs := runtime/shim/detach_keys.c

units += shim/test_log_line
shim/test_log_line-srcs := runtime/shim/log_line.c firmware/fmt/utf8.c

units += shim/test_log_file
shim/test_log_file-srcs := $(addprefix runtime/shim/,log_file.c log_gzip.c log_line.c log_local.c \
	log_split.c) firmware/fmt/utf8.c $(shim-core)
shim/test_log_file-libs := -lz

units += shim/test_log_gzip
shim/test_log_gzip-srcs := runtime/shim/log_gzip.c
shim/test_log_gzip-libs := -lz

units += shim/test_log_plan
shim/test_log_plan-srcs := runtime/shim/log_plan.c $(shim-core)

units += shim/test_log_remote
shim/test_log_remote-srcs := runtime/shim/log_remote.c $(shim-core)

units += shim/test_log_wire
shim/test_log_wire-srcs := runtime/shim/log_journal.c runtime/shim/log_syslog.c $(shim-core)

units += shim/test_protocol
shim/test_protocol-srcs := runtime/shim/protocol.c firmware/core/str.c

units += shim/test_runtime_error
shim/test_runtime_error-srcs := runtime/shim/runtime_error.c $(shim-json)

units += shim/test_exit_file
shim/test_exit_file-srcs := runtime/shim/exit_file.c $(shim-json) firmware/core/clock.c \
	firmware/core/file.c firmware/core/tree.c
