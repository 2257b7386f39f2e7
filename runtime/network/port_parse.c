/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>

#include "firmware/core/str.h"
#include "runtime/network/network.h"

static int parse_number(struct str text, uint16_t *ret)
{
	uint64_t v;

	/* A port has at most five digits. */
	if (text.n == 0 || text.n > 5 || str_to_u64(text, &v) < 0 || v > UINT16_MAX)
		return -EINVAL;
	*ret = (uint16_t)v;
	return 0;
}

int port_parse(const char *port_proto, uint16_t *ret_port, uint8_t *ret_proto, struct err *e)
{
	struct str whole = str_from(port_proto), proto;
	struct str number = str_cut(whole, '/', &proto);
	uint8_t number_of_proto;
	uint16_t port;

	if (number.n == whole.n || str_ieqz(proto, "tcp"))
		number_of_proto = IPPROTO_TCP;
	else if (str_ieqz(proto, "udp"))
		number_of_proto = IPPROTO_UDP;
	else if (str_ieqz(proto, "sctp"))
		number_of_proto = IPPROTO_SCTP;
	else
		return err_set(e, ERR_INVALID, "invalid port specification: \"%.128s\"",
			       port_proto ? port_proto : "");
	if (parse_number(number, &port) < 0 || port == 0)
		return err_set(e, ERR_INVALID, "invalid port specification: \"%.128s\"",
			       port_proto ? port_proto : "");
	*ret_port = port;
	*ret_proto = number_of_proto;
	return 0;
}

int port_parse_binding(const char *host_ip, const char *host_port, struct port_request *req,
		       struct err *e)
{
	struct in_addr ip = {INADDR_ANY};
	uint16_t first = 0, last = 0;

	if (host_ip && *host_ip && inet_pton(AF_INET, host_ip, &ip) != 1) {
		struct in6_addr v6;

		if (inet_pton(AF_INET6, host_ip, &v6) == 1)
			return err_set(e, ERR_NOT_IMPLEMENTED,
				       "publishing a port on the IPv6 address %s is not supported "
				       "by this engine",
				       host_ip);
		return err_set(e, ERR_INVALID, "invalid IP address: %.64s", host_ip);
	}
	if (host_port && *host_port) {
		struct str whole = str_from(host_port), high;
		struct str low = str_cut(whole, '-', &high);
		bool range = low.n != whole.n;

		if (parse_number(low, &first) < 0 || (range && parse_number(high, &last) < 0) ||
		    (range && (first == 0 || last < first)))
			return err_set(e, ERR_INVALID, "invalid port specification: \"%.128s\"",
				       host_port);
		if (!range)
			last = first;
	}
	req->host_ip = ip;
	req->host_first = first;
	req->host_last = last;
	return 0;
}
