# SPDX-License-Identifier: Apache-2.0
srcs-y += services.c http_parse.c http_chunked.c http_url.c http_status.c
srcs-y += chunk.c http_server.c http_conn.c http_body.c http_response.c http_blocking.c http_hijack.c
srcs-y += socket.c tcp.c activation.c netlink.c
srcs-$(CONFIG_VSOCK) += vsock.c
srcs-$(CONFIG_WEBSOCKET) += http_websocket.c
srcs-y += dial.c resolve.c http_client.c http_client_body.c http_proxy.c
srcs-$(CONFIG_RESOLVER) += resolve_dns.c
srcs-$(CONFIG_TLS) += tls.c tls_library.c tls_trust.c

libs-$(CONFIG_RESOLVER) += -lcares
libs-$(CONFIG_TLS) += -lmbedtls -lmbedx509 -lmbedcrypto
