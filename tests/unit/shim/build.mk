# SPDX-License-Identifier: Apache-2.0
shim-json := $(addprefix firmware/fmt/,json.c json_check.c json_scan.c json_text.c json_write.c utf8.c) \
	$(addprefix firmware/core/,arena.c buf.c err.c mem.c pool.c str.c)

units += shim/test_detach_keys
shim/test_detach_keys-srcs := runtime/shim/detach_keys.c

units += shim/test_log_line
shim/test_log_line-srcs := runtime/shim/log_line.c firmware/fmt/utf8.c

units += shim/test_log_file
shim/test_log_file-srcs := runtime/shim/log_file.c runtime/shim/log_line.c firmware/fmt/utf8.c \
	firmware/core/clock.c firmware/core/str.c firmware/core/mem.c

units += shim/test_protocol
shim/test_protocol-srcs := runtime/shim/protocol.c firmware/core/str.c

units += shim/test_runtime_error
shim/test_runtime_error-srcs := runtime/shim/runtime_error.c $(shim-json)

units += shim/test_exit_file
shim/test_exit_file-srcs := runtime/shim/exit_file.c $(shim-json) firmware/core/clock.c \
	firmware/core/file.c firmware/core/tree.c
