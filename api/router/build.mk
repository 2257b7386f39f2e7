# SPDX-License-Identifier: Apache-2.0
srcs-y += coding.c
srcs-y += dispatch.c hijack.c list_reply.c match.c prune.c query.c query_image.c reply.c size.c table.c
