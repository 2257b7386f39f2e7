# SPDX-License-Identifier: Apache-2.0
image-core := $(addprefix firmware/core/,arena.c buf.c clock.c err.c file.c log.c map.c mem.c pool.c \
	str.c tree.c)
image-json := $(addprefix firmware/fmt/,bind.c bind_copy.c bind_decode.c bind_encode.c json.c \
	json_check.c json_scan.c json_text.c json_write.c utf8.c)
image-zstd-$(CONFIG_ZSTD) += zstd_library.c
image-zstd-$(CONFIG_BZIP2) += bzip2_library.c
image-zstd-$(CONFIG_XZ) += xz_library.c
image-fmt := $(image-json) $(addprefix firmware/fmt/,base64.c inflate.c sha256.c tar_library.c \
	tar_read.c tar_write.c $(image-zstd-y))
image-fiber-$(CONFIG_FIBER_ASM) += fiber_asm.c fiber_switch_x86_64.S fiber_switch_aarch64.S
image-fiber-$(CONFIG_FIBER_PTHREAD) += fiber_pthread.c
image-sched := $(addprefix firmware/sched/,fiber.c $(image-fiber-y) io.c job.c loop.c timer.c waitq.c)
image-unpack := $(addprefix runtime/image/,unpack.c unpack_metadata.c unpack_path.c)
image-store := $(addprefix runtime/image/,archive.c archive_docker.c archive_oci.c batch.c blob.c \
	commit.c copy.c holds.c install.c layer.c load.c manifest.c open.c record.c reference.c relay.c \
	remove.c rootfs.c snapshot.c snapshot_describe.c snapshot_open.c store.c) $(image-unpack) \
	runtime/model/config.c
image-libs := -larchive -lz -lcrypto
image-libs-$(CONFIG_ZSTD) += -lzstd
image-libs-$(CONFIG_BZIP2) += -lbz2
image-libs-$(CONFIG_XZ) += -llzma

units += image/test_reference
image/test_reference-srcs := runtime/image/reference.c firmware/fmt/sha256.c firmware/core/err.c \
	firmware/core/str.c
image/test_reference-libs := -lcrypto

units += image/test_manifest
image/test_manifest-srcs := runtime/image/manifest.c firmware/fmt/sha256.c $(image-json) $(image-core)
image/test_manifest-libs := -lcrypto

units += image/test_unpack
image/test_unpack-srcs := $(image-unpack) $(image-fmt) $(image-core)
image/test_unpack-libs := $(image-libs) $(image-libs-y)

units += image/test_pack
image/test_pack-srcs := runtime/image/pack.c runtime/image/pack_entry.c $(image-unpack) \
	$(image-fmt) $(image-core)
image/test_pack-libs := $(image-libs) $(image-libs-y)

units += image/test_store
image/test_store-srcs := $(image-store) $(image-fmt) $(image-sched) $(image-core)
image/test_store-libs := $(image-libs) $(image-libs-y)

units += image/test_registry_header
image/test_registry_header-srcs := runtime/image/registry_header.c firmware/fmt/base64.c $(image-json) \
	$(image-core)

units += image/test_relay
image/test_relay-srcs := runtime/image/relay.c firmware/core/err.c firmware/core/mem.c firmware/core/str.c

units += image/test_layer
image/test_layer-srcs := $(image-store) $(image-fmt) $(image-sched) $(image-core)
image/test_layer-libs := $(image-libs) $(image-libs-y)
