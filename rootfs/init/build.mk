# SPDX-License-Identifier: Apache-2.0
srcs-y += main.c disk.c disk_look.c modules.c mounts.c network.c note.c options.c power.c seed.c \
	service.c tool.c wallclock.c
srcs-y += dhcp.c dhcp_packet.c link.c
