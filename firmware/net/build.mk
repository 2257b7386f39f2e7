# SPDX-License-Identifier: Apache-2.0
srcs-y += http_parse.c http_chunked.c http_url.c http_status.c
srcs-y += netlink.c
