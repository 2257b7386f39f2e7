/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DHCP's first messages have no address to come from, and some servers answer to the address they
 * offer: both take a packet socket. Only a renewal is an ordinary datagram.
 */
#include "rootfs/init/network.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "firmware/core/cleanup.h"
#include "firmware/core/clock.h"
#include "firmware/core/config.h"
#include "firmware/core/file.h"
#include "rootfs/init/link.h"
#include "rootfs/init/note.h"
#include "rootfs/init/tool.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define CARD_RETRY_MS 1000
#define PACKETS_AT_ONCE 16

int64_t network_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static struct in_addr to_in(uint32_t a)
{
	return (struct in_addr){htonl(a)};
}

/* ---- the card ---- */

/* The first that is a device and not made by software. */
static bool find_card(struct network *n)
{
	DIR *dir = opendir("/sys/class/net");
	struct dirent *ent;
	char path[300];

	n->index = 0;
	while (dir && (ent = readdir(dir))) {
		int index;

		snprintf(path, sizeof(path), "/sys/class/net/%s/device", ent->d_name);
		if (strlen(ent->d_name) >= sizeof(n->name) || access(path, F_OK) < 0)
			continue;
		index = (int)if_nametoindex(ent->d_name);
		if (index <= 0 || (n->index && index > n->index))
			continue;
		n->index = index;
		snprintf(n->name, sizeof(n->name), "%.15s", ent->d_name);
	}
	if (dir)
		closedir(dir);
	return n->index != 0;
}

static bool read_mac(struct network *n)
{
	char path[64], text[32], hex[13];
	size_t at = 0;

	snprintf(path, sizeof(path), "/sys/class/net/%s/address", n->name);
	if (file_get(path, text, sizeof(text)) < 0)
		return false;
	for (const char *p = text; *p && at < 12; p++) {
		if (*p != ':')
			hex[at++] = *p;
	}
	return hex_decode(str_span(hex, at), n->mac, at == 12 ? 6 : 0) == 0 && at == 12;
}

static void write_resolv(const uint32_t *dns, unsigned n_dns, const char *domain)
{
	char text[256];
	int n = 0;

	if (*domain)
		n += snprintf(text, sizeof(text), "search %s\n", domain);
	for (unsigned i = 0; i < n_dns; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "nameserver %s\n",
			      inet_ntoa(to_in(dns[i])));
	if (file_replace_at(AT_FDCWD, RESOLV_CONF, str_span(text, (size_t)n), 0644, false, NULL) <
	    0)
		note(NOTE_WARN, "cannot write " RESOLV_CONF);
}

static void complain(const char *what, int r)
{
	if (r < 0)
		note(NOTE_BAD, "network: %s: %s", what, strerror(-r));
}

static void set_static(struct network *n)
{
	const struct init_options *o = n->options;

	complain("address", link_address(n->index, o->address, o->prefix, true));
	if (o->gateway)
		complain("default route", link_default_route(n->index, o->gateway));
	if (o->n_dns)
		write_resolv(o->dns, o->n_dns, "");
	note(NOTE_INFO, "%s has %s/%u", n->name, inet_ntoa(to_in(o->address)), o->prefix);
}

/* ---- DHCP ---- */

static unsigned prefix_of(const struct dhcp_reply *lease)
{
	return lease->prefix ? lease->prefix : 24;
}

static void drop_address(struct network *n, const struct dhcp_reply *lease)
{
	note(NOTE_WARN, "%s has lost %s", n->name, inet_ntoa(to_in(lease->address)));
	complain("address", link_address(n->index, lease->address, prefix_of(lease), false));
}

static void apply_lease(struct network *n, const struct dhcp_reply *before)
{
	const struct dhcp_reply *lease = &n->dhcp.lease;

	complain("address", link_address(n->index, lease->address, prefix_of(lease), true));
	if (lease->mtu && lease->mtu != before->mtu && link_up(n->index, lease->mtu) < 0)
		note(NOTE_WARN, "%s does not take an MTU of %u", n->name, lease->mtu);
	if (lease->router)
		complain("default route", link_default_route(n->index, lease->router));
	if (lease->n_dns)
		write_resolv(lease->dns, lease->n_dns, lease->domain);
	if (lease->hostname[0] && !n->options->hostname[0] &&
	    sethostname(lease->hostname, strlen(lease->hostname)) < 0)
		note(NOTE_WARN, "cannot take the host name %s", lease->hostname);
	if (before->address != lease->address)
		note(NOTE_INFO, "%s has %s/%u for %u s", n->name, inet_ntoa(to_in(lease->address)),
		     prefix_of(lease), lease->lease_s);
}

/* UDP to our port and no fragment; the rest of the traffic never wakes us. */
static int filter(int fd)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 6),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 4, 0),
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, DHCP_CLIENT_PORT, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog program = {ARRAY_LEN(code), code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

/* Open while an answer is awaited, closed while nothing is. */
static void listen_if(struct network *n, bool wanted)
{
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = n->index};
	int fd CLEANUP_FD = -1, on = 1;

	if (!wanted && n->fd >= 0)
		close(TAKE_FD(n->fd));
	if (!wanted || n->fd >= 0)
		return;
	fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || filter(fd) < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		note(NOTE_BAD, "DHCP: socket: %s", strerror(errno));
		return;
	}
	(void)setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on));
	n->fd = TAKE_FD(fd);
}

static void send_broadcast(struct network *n, uint8_t *packet, size_t size)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_IP),
				 .sll_ifindex = n->index,
				 .sll_halen = 6};

	memset(to.sll_addr, 0xff, 6);
	size = dhcp_wrap(packet, size, n->dhcp.lease.address, UINT32_MAX);
	if (n->fd >= 0 && sendto(n->fd, packet, size, 0, (struct sockaddr *)&to, sizeof(to)) < 0 &&
	    errno != ENETDOWN)
		note(NOTE_WARN, "DHCP: send: %s", strerror(errno));
}

static void send_to_server(struct network *n, const uint8_t *message, size_t size, uint32_t server)
{
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_port = htons(DHCP_CLIENT_PORT)};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(DHCP_SERVER_PORT)};
	int fd CLEANUP_FD = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	from.sin_addr = to_in(n->dhcp.lease.address);
	to.sin_addr = to_in(server);
	if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0 ||
	    sendto(fd, message, size, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)) < 0)
		note(NOTE_WARN, "DHCP: renewal: %s", strerror(errno));
}

static void act(struct network *n, unsigned actions, const struct dhcp_reply *before)
{
	uint8_t packet[DHCP_PACKET_MAX];
	uint32_t to;
	size_t size;

	if (actions & DHCP_LOST)
		drop_address(n, before);
	if (actions & DHCP_APPLY)
		apply_lease(n, before);
	listen_if(n, n->dhcp.state != DHCP_BOUND);
	if (actions & DHCP_SEND) {
		size = dhcp_message(&n->dhcp, network_now(), packet + DHCP_HEADERS,
				    sizeof(packet) - DHCP_HEADERS, &to);
		if (to == UINT32_MAX)
			send_broadcast(n, packet, size);
		else
			send_to_server(n, packet + DHCP_HEADERS, size, to);
	}
	n->next_ms = n->dhcp.next_ms;
}

/* One packet; false when there is no more. *ret_ok: it is an answer to us. */
static bool receive(struct network *n, uint8_t *packet, size_t size, struct dhcp_reply *ret,
		    bool *ret_ok)
{
	_Alignas(8) char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct iovec iov = {packet, size};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	ssize_t got = recvmsg(n->fd, &msg, 0);
	const uint8_t *payload;
	bool unsummed = false;
	size_t payload_n;

	*ret_ok = false;
	if (got < 0)
		return errno == EINTR;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		struct tpacket_auxdata aux;

		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		unsummed = aux.tp_status & TP_STATUS_CSUMNOTREADY;
	}
	if (msg.msg_flags & MSG_TRUNC)
		return true;
	*ret_ok = dhcp_unwrap(packet, (size_t)got, unsummed, &payload, &payload_n) == 0 &&
		  dhcp_read(payload, payload_n, n->mac, n->dhcp.xid, ret) == 0;
	return true;
}

void network_ready(struct network *n)
{
	static uint8_t packet[1600]; /* an Ethernet frame's worth */
	struct dhcp_reply reply, before;
	bool ok;

	for (int i = 0; n->fd >= 0 && i < PACKETS_AT_ONCE; i++) {
		if (!receive(n, packet, sizeof(packet), &reply, &ok))
			return;
		before = n->dhcp.lease;
		if (ok)
			act(n, dhcp_take(&n->dhcp, &reply, network_now()), &before);
	}
}

static void begin(struct network *n)
{
	const struct dhcp_reply none = {0};
	uint32_t random;

	complain(n->name, link_up(n->index, 0));
	if (n->options->network == NETWORK_STATIC) {
		set_static(n);
		return;
	}
	if (!CONFIG(INIT_DHCP) || n->options->network != NETWORK_DHCP || !read_mac(n))
		return;
	/* Need not be unguessable, only ours: before there is entropy the time does. */
	memcpy(&random, n->mac + 2, sizeof(random));
	random ^= (uint32_t)clock_mono();
	n->dhcp_runs = true;
	act(n, dhcp_begin(&n->dhcp, n->mac, n->options->hostname, random, network_now()), &none);
}

void network_tick(struct network *n)
{
	struct dhcp_reply before = n->dhcp.lease;

	n->next_ms = INT64_MAX;
	if (n->dhcp_runs) {
		act(n, dhcp_tick(&n->dhcp, network_now()), &before);
	} else if (n->index == 0) {
		/* Cards may come late. */
		if (find_card(n))
			begin(n);
		else
			n->next_ms = network_now() + CARD_RETRY_MS;
	}
}

void network_start(struct network *n, const struct init_options *o)
{
	int lo = (int)if_nametoindex("lo");

	memset(n, 0, sizeof(*n));
	n->options = o;
	n->fd = -1;
	n->next_ms = INT64_MAX;
	if (lo > 0)
		complain("loopback", link_up(lo, 0));
	if (o->network != NETWORK_NONE)
		network_tick(n);
}
