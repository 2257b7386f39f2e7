# SPDX-License-Identifier: Apache-2.0
srcs-y += json.c json_check.c json_scan.c json_text.c json_write.c
srcs-y += deflate.c
srcs-y += bind.c bind_copy.c bind_decode.c bind_encode.c
srcs-y += base64.c sha256.c inflate.c pattern.c pattern_match.c tar_library.c tar_read.c tar_write.c toml.c utf8.c
srcs-$(CONFIG_WEBSOCKET) += sha1.c ws.c
srcs-$(CONFIG_ZSTD) += zstd_library.c
srcs-$(CONFIG_BZIP2) += bzip2_library.c
srcs-$(CONFIG_XZ) += xz_library.c
srcs-$(CONFIG_YAML) += yaml.c
libs-$(CONFIG_BZIP2) += -lbz2
libs-$(CONFIG_XZ) += -llzma
libs-$(CONFIG_YAML) += -lyaml
libs-y += -larchive -lcrypto -lz
libs-$(CONFIG_ZSTD) += -lzstd
