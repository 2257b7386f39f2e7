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
