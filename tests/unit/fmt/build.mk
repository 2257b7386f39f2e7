# SPDX-License-Identifier: Apache-2.0
fmt-core := firmware/core/arena.c firmware/core/pool.c firmware/core/mem.c firmware/core/err.c \
	firmware/core/str.c firmware/core/buf.c
fmt-json := $(addprefix firmware/fmt/,json.c json_check.c json_scan.c json_text.c json_write.c \
	utf8.c)
fmt-bind := $(addprefix firmware/fmt/,bind.c bind_copy.c bind_decode.c bind_encode.c) $(fmt-json)

units += fmt/test_base64
fmt/test_base64-srcs := firmware/fmt/base64.c $(fmt-core)

units += fmt/test_bind
fmt/test_bind-srcs := $(fmt-bind) $(fmt-core)

units += fmt/test_bind_errors
fmt/test_bind_errors-srcs := $(fmt-bind) $(fmt-core)

units += fmt/test_inflate
fmt/test_inflate-srcs := $(addprefix firmware/fmt/,inflate.c bzip2_library.c xz_library.c \
	zstd_library.c) $(fmt-core)
fmt/test_inflate-libs := -lz -lzstd -lbz2 -llzma

units += fmt/test_deflate
fmt/test_deflate-srcs := firmware/fmt/deflate.c $(fmt-core)
fmt/test_deflate-libs := -lz

units += fmt/test_json
fmt/test_json-srcs := $(fmt-json) $(fmt-core)

units += fmt/test_json_write
fmt/test_json_write-srcs := $(fmt-json) $(fmt-core)

units += fmt/test_pattern
fmt/test_pattern-srcs := firmware/fmt/pattern.c firmware/fmt/pattern_match.c $(fmt-core)

units += fmt/test_ws
fmt/test_ws-srcs := firmware/fmt/ws.c firmware/fmt/sha1.c

units += fmt/test_sha256
fmt/test_sha256-srcs := firmware/fmt/sha256.c $(fmt-core)
fmt/test_sha256-libs := -lcrypto

fmt-tar := $(addprefix firmware/fmt/,tar_library.c tar_read.c tar_write.c utf8.c)

units += fmt/test_tar
fmt/test_tar-srcs := $(fmt-tar) $(fmt-core)
fmt/test_tar-libs := -larchive

units += fmt/test_tar_read
fmt/test_tar_read-srcs := $(fmt-tar) $(fmt-core)
fmt/test_tar_read-libs := -larchive

units += fmt/test_toml
fmt/test_toml-srcs := firmware/fmt/toml.c firmware/fmt/utf8.c $(fmt-core)

units-yaml-$(CONFIG_YAML) := fmt/test_yaml
units += $(units-yaml-y)
fmt/test_yaml-srcs := firmware/fmt/yaml.c $(fmt-json) $(fmt-core)
fmt/test_yaml-libs := -lyaml
