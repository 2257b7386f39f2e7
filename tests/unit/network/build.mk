# SPDX-License-Identifier: Apache-2.0
network-core := firmware/core/arena.c firmware/core/pool.c firmware/core/mem.c \
	firmware/core/err.c firmware/core/str.c firmware/core/buf.c firmware/core/clock.c

units += network/test_ipam
network/test_ipam-srcs := runtime/network/ipam.c firmware/core/err.c firmware/core/mem.c \
	firmware/core/str.c

units += network/test_ports
network/test_ports-srcs := runtime/network/ports.c runtime/network/port_parse.c \
	firmware/core/err.c firmware/core/mem.c firmware/core/str.c

units += network/test_files
network/test_files-srcs := runtime/network/files.c $(network-core)

units += network/test_nat
network/test_nat-srcs := runtime/network/nat.c runtime/network/nft.c runtime/network/ipam.c \
	firmware/net/netlink.c firmware/core/err.c firmware/core/mem.c firmware/core/str.c

network-sched := firmware/sched/fiber.c firmware/sched/waitq.c firmware/sched/job.c \
	firmware/sched/loop.c firmware/sched/timer.c \
	$(if $(CONFIG_FIBER_PTHREAD),firmware/sched/fiber_pthread.c,firmware/sched/fiber_asm.c \
	firmware/sched/fiber_switch_x86_64.S firmware/sched/fiber_switch_aarch64.S)
network-all := bridge claim connect files files_write ids ipam link nat netns network nft port_parse \
	ports setup sweep
network-json := firmware/fmt/json.c firmware/fmt/json_check.c firmware/fmt/json_scan.c \
	firmware/fmt/json_text.c firmware/fmt/json_write.c firmware/fmt/utf8.c

network-whole := tests/unit/network/kernel.c tests/unit/network/peer.c tests/unit/network/scene.c \
	$(network-all:%=runtime/network/%.c) $(network-json) $(network-sched) $(network-core) \
	firmware/core/file.c firmware/core/tree.c firmware/core/log.c firmware/net/netlink.c

units += $(if $(CONFIG_NET_BRIDGE),network/test_network network/test_network_upset)
network/test_network-srcs := $(network-whole)
network/test_network_upset-srcs := $(network-whole)
