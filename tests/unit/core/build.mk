# SPDX-License-Identifier: Apache-2.0
core-arena := firmware/core/arena.c firmware/core/pool.c firmware/core/mem.c firmware/core/err.c

units += core/test_err
core/test_err-srcs := firmware/core/err.c

units += core/test_mem
core/test_mem-srcs := firmware/core/mem.c

units += core/test_pool
core/test_pool-srcs := firmware/core/pool.c firmware/core/err.c

units += core/test_arena
core/test_arena-srcs := $(core-arena)

units += core/test_str
core/test_str-srcs := firmware/core/str.c

units += core/test_buf
core/test_buf-srcs := firmware/core/buf.c firmware/core/str.c $(core-arena)

units += core/test_map
core/test_map-srcs := firmware/core/map.c firmware/core/str.c firmware/core/file.c $(core-arena)

units += core/test_list
core/test_list-srcs :=

units += core/test_clock
core/test_clock-srcs := firmware/core/clock.c firmware/core/str.c

units += core/test_file
core/test_file-srcs := firmware/core/file.c firmware/core/str.c $(core-arena)

units += core/test_tree
core/test_tree-srcs := firmware/core/tree.c firmware/core/file.c firmware/core/str.c $(core-arena)

units += core/test_passwd
core/test_passwd-srcs := firmware/core/passwd.c firmware/core/str.c firmware/core/err.c

units += core/test_log
core/test_log-srcs := firmware/core/log.c firmware/core/clock.c firmware/core/str.c

units += core/test_config
core/test_config-srcs :=

units += core/test_pages
