# SPDX-License-Identifier: Apache-2.0
# Every byte of `docker logs` goes through the parser: for speed, not size.
cflags-y += -O2
srcs-y += log_chain.c
srcs-y += log_follow.c
srcs-y += log_local_parse.c
srcs-y += log_parse.c
srcs-y += log_reader.c
srcs-y += log_source.c
srcs-y += log_tail.c
