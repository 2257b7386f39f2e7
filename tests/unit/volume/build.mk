# SPDX-License-Identifier: Apache-2.0
volume-core := $(addprefix firmware/core/,arena.c buf.c clock.c err.c file.c log.c map.c mem.c pool.c \
	str.c tree.c)
volume-fmt := $(addprefix firmware/fmt/,bind.c bind_copy.c bind_decode.c bind_encode.c json.c json_check.c \
	json_scan.c json_text.c json_write.c utf8.c sha256.c)
volume-fiber-$(CONFIG_FIBER_ASM) += fiber_asm.c fiber_switch_x86_64.S fiber_switch_aarch64.S
volume-fiber-$(CONFIG_FIBER_PTHREAD) += fiber_pthread.c
volume-sched := $(addprefix firmware/sched/,fiber.c $(volume-fiber-y) io.c job.c loop.c timer.c waitq.c)
volume-all := $(addprefix runtime/volume/,change.c measure.c mount.c names.c options.c populate.c \
	record.c store.c) \
	runtime/image/copy.c runtime/event/bus.c firmware/net/resolve.c \
	$(if $(CONFIG_RESOLVER),firmware/net/resolve_dns.c)

units += volume/test_options
volume/test_options-srcs := runtime/volume/options.c $(volume-fmt) $(volume-core)
volume/test_options-libs := -lcrypto

units += volume/test_store
volume/test_store-srcs := $(volume-all) $(volume-fmt) $(volume-sched) $(volume-core)
volume/test_store-libs := -lcrypto -lcares
