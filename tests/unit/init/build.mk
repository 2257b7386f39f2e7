# SPDX-License-Identifier: Apache-2.0
ifeq ($(CONFIG_INIT),y)
init-options := rootfs/init/options.c firmware/core/str.c

units += init/test_options
init/test_options-srcs := $(init-options)

units += init/test_dhcp_packet
init/test_dhcp_packet-srcs := rootfs/init/dhcp_packet.c $(init-options)

units += init/test_dhcp
init/test_dhcp-srcs := rootfs/init/dhcp.c rootfs/init/dhcp_packet.c $(init-options)

units += init/test_modules
init/test_modules-srcs := rootfs/init/modules.c rootfs/init/note.c firmware/core/file.c \
	firmware/core/arena.c firmware/core/pool.c firmware/core/mem.c firmware/core/err.c \
	firmware/core/str.c

units += init/test_disk_look
init/test_disk_look-srcs := rootfs/init/disk_look.c
endif
