# SPDX-License-Identifier: Apache-2.0
build-srcs := $(addprefix runtime/build/,config.c config_health.c dockerfile.c expand.c words.c) \
	runtime/spec/signal.c runtime/model/config.c \
	$(addprefix firmware/fmt/,bind.c bind_copy.c bind_decode.c bind_encode.c json.c json_check.c \
	json_scan.c json_text.c json_write.c utf8.c) \
	$(addprefix firmware/core/,arena.c buf.c clock.c err.c mem.c pool.c str.c)

units += build/test_dockerfile
build/test_dockerfile-srcs := $(build-srcs)
