# SPDX-License-Identifier: Apache-2.0
units += model/test_shapes
model/test_shapes-srcs := runtime/model/config.c \
	$(addprefix firmware/fmt/,bind.c bind_copy.c bind_decode.c bind_encode.c json.c json_check.c \
	json_scan.c json_text.c json_write.c utf8.c) \
	$(addprefix firmware/core/,arena.c buf.c err.c mem.c pool.c str.c)
