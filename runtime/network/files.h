/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts of a container's hosts and resolv.conf. Pure: the host's own files are handed in.
 *
 * Thread: any. Yields: no. Owns: nothing; texts go to the caller's buffer.
 */
#ifndef RUNTIME_NETWORK_FILES_H
#define RUNTIME_NETWORK_FILES_H

#include "firmware/core/buf.h"
#include "firmware/core/err.h"
#include "firmware/core/str.h"
#include "runtime/network/network.h"

#define FILES_TEXT_MAX 262144 /* most bytes of one file, ours or the host's */

/* base: the host's file for a container on the host's network, else empty. ERR_INVALID, -ENOMEM. */
int files_hosts(struct buf *b, const struct hosts_request *req, struct str base, struct err *e)
	WARN_UNUSED;

/* old with another address in the lines that begin their names with name. -ENOMEM. */
int files_hosts_move(struct buf *b, struct str old, const char *name, const char *address,
		     struct err *e) WARN_UNUSED;

/* Each list: the one in force (the container's, else the daemon's); empty = the host's is used. */
struct resolv_lists {
	const struct texts *dns, *search, *options;
};
/*
 * host: the host's resolv.conf. Unless host_network, addresses only the host itself reaches
 * (loopback) and IPv6 ones are left out, and Google's stand in when none is left.
 */
int files_resolv(struct buf *b, const struct resolv_lists *lists, struct str host,
		 bool host_network, struct err *e) WARN_UNUSED;
/* Does the host's file name systemd's stub (127.0.0.53) alone? Its real servers stand elsewhere. */
bool files_resolv_is_stub(struct str host);

#endif
