# SPDX-License-Identifier: Apache-2.0
srcs-y += config.c console_size.c
