# SPDX-License-Identifier: Apache-2.0
srcs-y += check.c config_file.c daemon.c dial_stdio.c limits.c main.c options.c
