# SPDX-License-Identifier: Apache-2.0
net-core := firmware/core/arena.c firmware/core/pool.c firmware/core/mem.c firmware/core/err.c \
	firmware/core/str.c firmware/core/buf.c firmware/core/clock.c

units += net/test_http_parse
net/test_http_parse-srcs := firmware/net/http_parse.c firmware/net/http_status.c $(net-core)

units += net/test_http_chunked
net/test_http_chunked-srcs := firmware/net/http_chunked.c $(net-core)

units += net/test_http_url
net/test_http_url-srcs := firmware/net/http_url.c $(net-core)

units += net/test_http_websocket
net/test_http_websocket-srcs := firmware/net/http_websocket.c firmware/net/http_parse.c \
	firmware/net/http_status.c firmware/fmt/ws.c firmware/fmt/sha1.c $(net-core)

units += net/test_netlink
net/test_netlink-srcs := firmware/net/netlink.c $(net-core)

net-sched := firmware/sched/fiber.c firmware/sched/waitq.c firmware/sched/io.c \
	firmware/sched/job.c firmware/sched/loop.c firmware/sched/timer.c \
	$(if $(CONFIG_FIBER_PTHREAD),firmware/sched/fiber_pthread.c,firmware/sched/fiber_asm.c \
	firmware/sched/fiber_switch_x86_64.S firmware/sched/fiber_switch_aarch64.S)
net-server := firmware/net/chunk.c firmware/net/http_parse.c firmware/net/http_chunked.c \
	firmware/net/http_url.c firmware/net/http_status.c firmware/net/http_server.c \
	firmware/net/http_conn.c firmware/net/http_body.c firmware/net/http_response.c \
	firmware/net/http_blocking.c firmware/net/http_hijack.c firmware/net/socket.c \
	$(if $(CONFIG_VSOCK),firmware/net/vsock.c) firmware/net/activation.c

units += net/test_http_server
net/test_http_server-srcs := tests/unit/net/handlers.c tests/unit/net/harness.c $(net-server) \
	$(net-sched) $(net-core)

units += net/test_http_streams
net/test_http_streams-srcs := $(net/test_http_server-srcs)

units += net/test_http_pools
net/test_http_pools-srcs := tests/unit/net/harness.c $(net-server) $(net-sched) $(net-core)

net-client := firmware/net/http_parse.c firmware/net/http_chunked.c firmware/net/http_url.c \
	firmware/net/http_status.c firmware/net/http_client.c firmware/net/http_client_body.c \
	firmware/net/http_proxy.c firmware/net/dial.c firmware/net/resolve.c \
	$(if $(CONFIG_RESOLVER),firmware/net/resolve_dns.c) \
	$(if $(CONFIG_TLS),firmware/net/tls.c firmware/net/tls_trust.c) \
	firmware/fmt/base64.c firmware/core/file.c

units += net/test_http_client
net/test_http_client-srcs := tests/unit/net/origin.c tests/unit/net/tls_origin.c $(net-client) \
	$(net-core)
net/test_http_client-libs := -lmbedtls -lmbedx509 -lmbedcrypto -lcares

ifeq ($(CONFIG_TLS),y)
units += net/test_tls
net/test_tls-srcs := $(net/test_http_client-srcs)
net/test_tls-libs := $(net/test_http_client-libs)
endif

units += net/test_proxy
net/test_proxy-srcs := firmware/net/http_proxy.c firmware/net/http_url.c firmware/fmt/base64.c \
	$(net-core)

units += net/test_socket
net/test_socket-srcs := firmware/net/socket.c firmware/net/tcp.c firmware/net/activation.c \
	$(if $(CONFIG_VSOCK),firmware/net/vsock.c) $(net-core)

units += net/test_gmtime
net/test_gmtime-srcs := firmware/net/tls_library.c $(net-core)
