# SPDX-License-Identifier: Apache-2.0
srcs-y += dispatch.c match.c query.c reply.c table.c
