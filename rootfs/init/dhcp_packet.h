/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DHCP on the wire (RFC 2131, 2132): messages to a server, and what may be believed of an answer.
 * Answers come from whoever is on the wire: every length is checked, what makes no sense is left
 * out, and an answer that is not for us is refused.
 *
 * Thread: any. Yields: no. Owns: nothing. Limits: Ethernet and IPv4.
 */
#ifndef ROOTFS_INIT_DHCP_PACKET_H
#define ROOTFS_INIT_DHCP_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/core/attr.h"
#include "rootfs/init/options.h"

/* The largest we send; the IP and UDP headers are 28 bytes of it. */
#define DHCP_PACKET_MAX 600
#define DHCP_HEADERS 28
#define DHCP_SERVER_PORT 67
#define DHCP_CLIENT_PORT 68
#define DHCP_FOREVER UINT32_MAX

enum dhcp_type {
	DHCP_DISCOVER = 1,
	DHCP_OFFER = 2,
	DHCP_REQUEST = 3,
	DHCP_DECLINE = 4,
	DHCP_ACK = 5,
	DHCP_NAK = 6,
	DHCP_RELEASE = 7,
};

/* Addresses are in host byte order, 0 where the server said nothing (usable). */
struct dhcp_reply {
	enum dhcp_type type;
	uint32_t address, server, router, dns[OPTIONS_DNS_MAX];
	unsigned n_dns, prefix; /* 0: none */
	unsigned mtu;		/* 0: none */
	uint32_t lease_s, t1_s, t2_s;
	char hostname[OPTIONS_NAME_MAX + 1], domain[OPTIONS_NAME_MAX + 1];
};

struct dhcp_request {
	enum dhcp_type type;
	uint8_t mac[6];
	uint32_t xid;
	uint16_t seconds;
	uint32_t client;    /* our address, when we have one */
	uint32_t requested; /* the address asked for, or 0 */
	uint32_t server;    /* the server chosen, or 0 */
	bool broadcast;	    /* we cannot be reached by our address yet */
	const char *hostname;
};

/* The UDP payload; returns its length. size is DHCP_PACKET_MAX - DHCP_HEADERS at least. */
size_t dhcp_write(const struct dhcp_request *q, uint8_t *out, size_t size);
/* IP and UDP headers before n bytes at packet + DHCP_HEADERS; returns the length of all. */
size_t dhcp_wrap(uint8_t *packet, size_t n, uint32_t from, uint32_t to);
/*
 * The UDP payload of an IP packet for our port. unsummed: the sender was on this machine and left
 * the checksum out. -EBADMSG.
 */
int dhcp_unwrap(const uint8_t *packet, size_t n, bool unsummed, const uint8_t **ret, size_t *ret_n)
	WARN_UNUSED;
/* An answer to the exchange xid of this card. -EBADMSG, or -ENOENT when it is somebody else's. */
int dhcp_read(const uint8_t *p, size_t n, const uint8_t mac[6], uint32_t xid,
	      struct dhcp_reply *ret) WARN_UNUSED;

#endif
