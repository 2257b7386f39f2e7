/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel command line, as far as it is meant for us: words that begin with "serin.". What is
 * wrong in it is told and left out; a guest with a misspelt word still starts.
 *
 * Thread: any. Yields: no. Owns: nothing; texts point into the struct.
 */
#ifndef ROOTFS_INIT_OPTIONS_H
#define ROOTFS_INIT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/core/str.h"

#define OPTIONS_TEXT_MAX 4096
#define OPTIONS_ARGS_MAX 24
#define OPTIONS_NAME_MAX 64
#define OPTIONS_DNS_MAX 3

enum options_network { NETWORK_DHCP, NETWORK_STATIC, NETWORK_NONE };

/* IPv4 addresses here are in host byte order, 0 where there is none. */
struct init_options {
	char text[OPTIONS_TEXT_MAX];	     /* the words, terminated each, without their quotes */
	char hostname[OPTIONS_NAME_MAX + 1]; /* empty unless given */
	enum options_network network;
	uint32_t address, gateway, dns[OPTIONS_DNS_MAX];
	unsigned prefix, n_dns;
	bool memory;			    /* keep the data in memory */
	const char *disk;		    /* the only disk to take (a name below /dev), or NULL */
	uint32_t vsock;			    /* port, 0: no vsock */
	const char *level;		    /* of the daemon's log, or NULL */
	bool shell;			    /* a shell on the console, where the image has one */
	const char *args[OPTIONS_ARGS_MAX]; /* further ones for serind */
	size_t n_args;
};

/* wrong(word, arg) is called for each word that is not understood; it may be NULL. */
void options_parse(struct init_options *o, struct str line,
		   void (*wrong)(const char *word, void *arg), void *arg);

/* Letters, digits, '-' and '.' that do not stand at an end; at most OPTIONS_NAME_MAX. */
bool options_is_hostname(struct str s);
/* "a.b.c.d" in host byte order; -EINVAL. */
int options_ipv4(struct str s, uint32_t *ret) WARN_UNUSED;

#endif
