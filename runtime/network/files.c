/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/network/files.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>

/* Text that stands in a line of its own fields: no blanks, no control characters. */
static bool is_word(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f)
			return false;
	}
	return s.n > 0;
}

static bool is_address(struct str s)
{
	uint8_t addr[16];
	char text[INET6_ADDRSTRLEN];

	return str_copy(text, sizeof(text), s) &&
	       (inet_pton(AF_INET, text, addr) == 1 || inet_pton(AF_INET6, text, addr) == 1);
}

static int finish(const struct buf *b, struct err *e)
{
	return b->failed ? err_sys(e, ENOMEM, "network files of a container") : 0;
}

/* --- hosts --- */

int network_check_extra_host(const char *value, struct err *e)
{
	struct str whole = str_from(value), ip;
	struct str name = str_cut(whole, ':', &ip);

	if (name.n == whole.n || !is_word(name))
		return err_set(e, ERR_INVALID, "bad format for add-host: \"%.256s\"", value);
	if (!str_eqz(ip, "host-gateway") && !is_address(ip))
		return err_set(e, ERR_INVALID, "invalid IP address in add-host: \"%.128s\"", ip.p);
	return 0;
}

static int put_extra_hosts(struct buf *b, const struct hosts_request *req, struct err *e)
{
	for (size_t i = 0; req->extra_hosts && i < req->extra_hosts->n; i++) {
		struct str ip, name = str_cut(str_from(req->extra_hosts->items[i]), ':', &ip);
		int r = network_check_extra_host(req->extra_hosts->items[i], e);

		if (r < 0)
			return r;
		if (str_eqz(ip, "host-gateway"))
			ip = str_from(req->host_gateway);
		if (ip.n == 0)
			return err_set(e, ERR_INVALID,
				       "unable to derive the IP value for host-gateway");
		buf_printf(b, STR_FMT "\t" STR_FMT "\n", STR_ARG(ip), STR_ARG(name));
	}
	return 0;
}

static void put_own_name(struct buf *b, const struct hosts_request *req)
{
	bool domain = req->domainname && *req->domainname;
	size_t bare;

	if (!req->ip || !*req->ip || !req->hostname || !*req->hostname)
		return;
	bare = strcspn(req->hostname, ".");
	buf_printf(b, "%s\t%s%s%s", req->ip, req->hostname, domain ? "." : "",
		   domain ? req->domainname : "");
	if (domain || req->hostname[bare])
		buf_printf(b, " %.*s", (int)bare, req->hostname);
	buf_putc(b, '\n');
}

int files_hosts(struct buf *b, const struct hosts_request *req, struct str base, struct err *e)
{
	static const char own[] = "127.0.0.1\tlocalhost\n"
				  "::1\tlocalhost ip6-localhost ip6-loopback\n"
				  "fe00::\tip6-localnet\n"
				  "ff00::\tip6-mcastprefix\n"
				  "ff02::1\tip6-allnodes\n"
				  "ff02::2\tip6-allrouters\n";
	int r;

	if ((req->hostname && *req->hostname && !is_word(str_from(req->hostname))) ||
	    (req->domainname && *req->domainname && !is_word(str_from(req->domainname))))
		return err_set(e, ERR_INVALID, "invalid hostname");
	if (req->host_network && base.n > 0) {
		buf_put_str(b, base);
		if (!str_ends(base, "\n"))
			buf_putc(b, '\n');
	} else {
		buf_puts(b, own);
	}
	r = put_extra_hosts(b, req, e);
	if (r < 0)
		return r;
	for (size_t i = 0; req->linked && i < req->linked->n; i++)
		buf_printf(b, "%s\t%s\n", req->linked->items[i].value, req->linked->items[i].key);
	if (!req->host_network)
		put_own_name(b, req);
	return finish(b, e);
}

int files_hosts_move(struct buf *b, struct str old, const char *name, const char *address,
		     struct err *e)
{
	size_t n = strlen(name);

	while (old.n) {
		bool ended = str_find(old, '\n') >= 0;
		struct str line = str_cut(old, '\n', &old), names;

		str_cut(line, '\t', &names);
		if (names.n >= n && !memcmp(names.p, name, n) &&
		    (names.n == n || strchr(" \t", names.p[n])))
			buf_printf(b, "%s\t" STR_FMT, address, STR_ARG(names));
		else
			buf_put_str(b, line);
		if (ended)
			buf_putc(b, '\n');
	}
	return finish(b, e);
}

/* --- resolv.conf --- */

/* The next line's keyword and what follows it; false at the end. Comments have no keyword. */
static bool next_line(struct str *rest, struct str *word, struct str *value)
{
	struct str line;
	size_t n = 0;

	if (rest->n == 0)
		return false;
	line = str_trim(str_cut(*rest, '\n', rest));
	if (str_ends(line, "\r"))
		line.n--;
	while (n < line.n && line.p[n] != ' ' && line.p[n] != '\t')
		n++;
	*word = str_span(line.p, n);
	*value = str_trim(str_span(line.p + n, line.n - n));
	if (line.n > 0 && (line.p[0] == '#' || line.p[0] == ';'))
		*word = *value = str_span(line.p, 0);
	return true;
}

static bool is_reachable(struct str server)
{
	struct in_addr addr;
	char text[INET6_ADDRSTRLEN];

	return str_copy(text, sizeof(text), server) && inet_pton(AF_INET, text, &addr) == 1 &&
	       ntohl(addr.s_addr) >> 24 != 127;
}

bool files_resolv_is_stub(struct str host)
{
	struct str word, value;
	bool stub = false;

	while (next_line(&host, &word, &value)) {
		if (!str_eqz(word, "nameserver"))
			continue;
		if (!str_eqz(value, "127.0.0.53"))
			return false;
		stub = true;
	}
	return stub;
}

static bool is_set(const struct texts *t)
{
	return t && t->n > 0;
}

static int put_servers(struct buf *b, const struct texts *dns, struct str host, bool all,
		       struct err *e)
{
	struct str word, value;
	bool any = false;

	for (size_t i = 0; is_set(dns) && i < dns->n; i++) {
		if (!is_address(str_from(dns->items[i])))
			return err_set(e, ERR_INVALID, "invalid IP address for DNS: \"%.64s\"",
				       dns->items[i]);
		buf_printf(b, "nameserver %s\n", dns->items[i]);
		any = true;
	}
	if (any)
		return 0;
	while (next_line(&host, &word, &value)) {
		if (!str_eqz(word, "nameserver") || !is_word(value) ||
		    !(all || is_reachable(value)))
			continue;
		buf_printf(b, "nameserver " STR_FMT "\n", STR_ARG(value));
		any = true;
	}
	if (!any && !all)
		buf_puts(b, "nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
	return 0;
}

/* One line "search …" or "options …" from the list, else the host's last such line. */
static int put_list(struct buf *b, const char *keyword, const struct texts *list, struct str host,
		    struct err *e)
{
	struct str word, value, last = {NULL, 0};
	bool clear = is_set(list) && list->n == 1 && strcmp(list->items[0], ".") == 0;

	if (clear) /* "." alone: no search domain at all */
		return 0;
	if (!is_set(list)) {
		while (next_line(&host, &word, &value)) {
			if (str_eqz(word, keyword))
				last = value;
		}
		if (last.n > 0)
			buf_printf(b, "%s " STR_FMT "\n", keyword, STR_ARG(last));
		return 0;
	}
	buf_puts(b, keyword);
	for (size_t i = 0; i < list->n; i++) {
		if (!is_word(str_from(list->items[i])))
			return err_set(e, ERR_INVALID, "invalid DNS %s: \"%.128s\"", keyword,
				       list->items[i]);
		buf_printf(b, " %s", list->items[i]);
	}
	buf_putc(b, '\n');
	return 0;
}

int files_resolv(struct buf *b, const struct resolv_lists *lists, struct str host,
		 bool host_network, struct err *e)
{
	int r;

	if (host_network && !is_set(lists->dns) && !is_set(lists->search) &&
	    !is_set(lists->options)) {
		buf_put_str(b, host);
		return finish(b, e);
	}
	buf_puts(b, "# Generated by Serin.\n");
	r = put_servers(b, lists->dns, host, host_network, e);
	if (r == 0)
		r = put_list(b, "search", lists->search, host, e);
	if (r == 0)
		r = put_list(b, "options", lists->options, host, e);
	return r < 0 ? r : finish(b, e);
}
