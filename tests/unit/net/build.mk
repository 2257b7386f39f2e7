# SPDX-License-Identifier: Apache-2.0
net-core := firmware/core/arena.c firmware/core/pool.c firmware/core/mem.c firmware/core/err.c \
	firmware/core/str.c firmware/core/buf.c firmware/core/clock.c

units += net/test_http_parse
net/test_http_parse-srcs := firmware/net/http_parse.c firmware/net/http_status.c $(net-core)

units += net/test_http_chunked
net/test_http_chunked-srcs := firmware/net/http_chunked.c $(net-core)

units += net/test_http_url
net/test_http_url-srcs := firmware/net/http_url.c $(net-core)

units += net/test_netlink
net/test_netlink-srcs := firmware/net/netlink.c $(net-core)
