# SPDX-License-Identifier: Apache-2.0
srcs-y += container.c container_network.c event.c image.c text.c
srcs-y += stats.c
