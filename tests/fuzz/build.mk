# SPDX-License-Identifier: Apache-2.0
#
# One block a fuzz target, in alphabetical order. Target x is tests/fuzz/fuzz_x.c and:
#
#   fuzzers += x
#   x-srcs := the exact sources it drives
#   x-libs := the libraries they need

fuzz-fmt := $(addprefix firmware/core/,arena.c buf.c err.c mem.c pool.c str.c) firmware/fmt/utf8.c

fuzzers += clock
clock-srcs := firmware/core/clock.c firmware/core/str.c

fuzzers += dhcp
dhcp-srcs := $(addprefix rootfs/init/,dhcp.c dhcp_packet.c options.c) firmware/core/str.c

fuzzers += filter
filter-srcs := $(addprefix runtime/join/,filter.c filter_read.c syscalls.c) \
	$(addprefix firmware/fmt/,json.c json_check.c json_scan.c json_text.c json_write.c) $(fuzz-fmt)
fuzzers += dockerfile
dockerfile-srcs := $(addprefix runtime/build/,config.c config_health.c dockerfile.c expand.c words.c) \
	runtime/spec/signal.c runtime/model/config.c firmware/core/clock.c \
	$(addprefix firmware/fmt/,bind.c bind_copy.c bind_decode.c bind_encode.c json.c json_check.c \
	json_scan.c json_text.c json_write.c) $(fuzz-fmt)

fuzzers += http
http-srcs := $(addprefix firmware/net/,http_parse.c http_chunked.c http_url.c) \
	$(addprefix firmware/core/,arena.c err.c mem.c pool.c str.c)

fuzzers += json
json-srcs := $(addprefix firmware/fmt/,json.c json_check.c json_scan.c json_text.c json_write.c) \
	$(fuzz-fmt)

fuzzers += manifest
manifest-srcs := runtime/image/manifest.c runtime/image/registry_header.c runtime/model/config.c \
	$(addprefix firmware/fmt/,base64.c bind.c bind_copy.c bind_decode.c bind_encode.c sha256.c \
	json.c json_check.c json_scan.c json_text.c json_write.c) $(fuzz-fmt)
manifest-libs := -lcrypto

fuzzers += log
log-srcs := runtime/log/log_parse.c runtime/shim/log_line.c firmware/core/clock.c \
	$(addprefix firmware/fmt/,json.c json_check.c json_scan.c json_text.c json_write.c) \
	$(fuzz-fmt)

fuzzers += log_local
log_local-srcs := runtime/log/log_local_parse.c runtime/shim/log_local.c \
	$(addprefix firmware/fmt/,json.c json_check.c json_scan.c json_text.c json_write.c) \
	$(fuzz-fmt)

fuzzers += passwd
passwd-srcs := firmware/core/passwd.c firmware/core/str.c firmware/core/err.c

fuzzers += pattern
pattern-srcs := firmware/fmt/pattern.c firmware/fmt/pattern_match.c $(fuzz-fmt)

fuzzers += reference
reference-srcs := runtime/image/reference.c firmware/fmt/sha256.c firmware/core/err.c \
	firmware/core/str.c
reference-libs := -lcrypto

fuzzers += tar
tar-srcs := $(addprefix firmware/fmt/,tar_library.c tar_read.c tar_write.c) $(fuzz-fmt)
tar-libs := -larchive

fuzzers += toml
toml-srcs := firmware/fmt/toml.c $(fuzz-fmt)

fuzzers += ws
ws-srcs := firmware/fmt/ws.c firmware/fmt/sha1.c

fuzz-yaml-$(CONFIG_YAML) := yaml
fuzzers += $(fuzz-yaml-y)
yaml-srcs := $(addprefix firmware/fmt/,json.c json_check.c json_scan.c json_text.c \
	json_write.c yaml.c) $(fuzz-fmt)
yaml-libs := -lyaml
