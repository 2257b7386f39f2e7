# SPDX-License-Identifier: Apache-2.0
srcs-y += http_parse.c http_chunked.c http_url.c http_status.c
srcs-y += chunk.c http_server.c http_conn.c http_body.c http_response.c http_blocking.c http_hijack.c
srcs-y += socket.c activation.c netlink.c
srcs-$(CONFIG_VSOCK) += vsock.c
