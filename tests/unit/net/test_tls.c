/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "firmware/net/http_client.h"
#include "tests/unit/net/origin.h"

static int port;
static char dir[64], empty[96], other[96], bundle[96], cert[96], key[96];
static struct err e;

static int ask(const struct http_client_options *opt, const char *host, char *ret_byte)
{
	static const struct origin_step steps[] = {
		{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"},
		{.reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
			  "chunked\r\n\r\n1\r\n2\r\n0\r\n\r\n"},
	};
	struct http_client_request req = {.method = "GET"};
	struct http_client_response *r;
	struct http_client *c = NULL;
	char url[128];
	int result;

	origin_script(steps, ARRAY_LEN(steps));
	assert_int_equal(http_client_open(&c, opt, &e), 0);
	snprintf(url, sizeof(url), "https://%s:%d/", host, port);
	req.url = str_from(url);
	result = http_client_do(c, &req, &r, &e);
	if (result == 0)
		assert_int_equal(reader_read(&r->body, ret_byte, 1, &e), 1);
	if (result == 0) {
		result = http_client_do(c, &req, &r, &e);
		assert_int_equal(reader_read(&r->body, ret_byte, 1, &e), 1);
		assert_int_equal(origin_connections(), 1);
	}
	http_client_free(c);
	return result;
}

static void test_trusted(void **state)
{
	struct http_client_options opt = {.ca_dir = dir};
	char byte = 0;

	(void)state;
	for (int i = 0; i < 3; i++) {
		if (ask(&opt, i == 1 ? "localhost" : "127.0.0.1", &byte) != 0)
			fail_msg("%s", e.msg);
		assert_int_equal(byte, '2');
	}
	opt = (struct http_client_options){.ca_file = bundle};
	assert_int_equal(ask(&opt, "localhost", &byte), 0);
	opt = (struct http_client_options){.skip_verify = true};
	assert_int_equal(ask(&opt, "127.0.0.1", &byte), 0);
}

static void test_refused(void **state)
{
	struct http_client_options opt = {.ca_dir = empty, .ca_file = "/nonexistent"};
	char byte;

	(void)state;
	assert_true(ask(&opt, "127.0.0.1", &byte) < 0);
	assert_string_equal(e.msg, "tls: failed to verify certificate: x509: certificate signed by "
				   "unknown authority");
	opt = (struct http_client_options){.ca_file = other};
	assert_true(ask(&opt, "localhost", &byte) < 0);
	assert_non_null(strstr(e.msg, "certificate signed by unknown authority"));
	/* the system's own bundle does not know our CA either */
	opt = (struct http_client_options){.ca_dir = NULL};
	assert_true(ask(&opt, "localhost", &byte) < 0);
	assert_non_null(strstr(e.msg, "certificate signed by unknown authority"));
	/* right CA, wrong address or name */
	opt = (struct http_client_options){.ca_dir = dir};
	assert_true(ask(&opt, "127.0.0.2", &byte) < 0);
	assert_string_equal(e.msg, "tls: failed to verify certificate: x509: certificate is not "
				   "valid for 127.0.0.2");
}

static void test_client_certificate(void **state)
{
	struct http_client_options opt = {.ca_dir = dir};
	char byte;

	(void)state;
	tls_origin_wants_client = true;
	assert_true(ask(&opt, "127.0.0.1", &byte) < 0);
	opt.cert_file = cert;
	opt.key_file = key;
	if (ask(&opt, "127.0.0.1", &byte) != 0)
		fail_msg("%s", e.msg);
	opt.key_file = bundle;
	assert_true(ask(&opt, "127.0.0.1", &byte) < 0);
	tls_origin_wants_client = false;
}

static void test_plain_server(void **state)
{
	struct http_client_options opt = {.ca_dir = dir};
	char byte;

	(void)state;
	origin_stop();
	port = origin_start(false, NULL);
	assert_true(port > 0);
	assert_true(ask(&opt, "127.0.0.1", &byte) < 0);
	assert_string_equal(e.msg, "http: server gave HTTP response to HTTPS client");
	origin_stop();
	port = origin_start(true, dir);
}

static int start(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/serin-tls-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(empty, sizeof(empty), "%s/empty", dir);
	snprintf(other, sizeof(other), "%s/other.pem", dir);
	snprintf(bundle, sizeof(bundle), "%s/ca.crt", dir);
	snprintf(cert, sizeof(cert), "%s/client.cert", dir);
	snprintf(key, sizeof(key), "%s/client.key", dir);
	mkdir(empty, 0700);
	port = origin_start(true, dir);
	return port > 0 ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	origin_stop();
	unlink(other);
	unlink(bundle);
	unlink(cert);
	unlink(key);
	rmdir(empty);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trusted),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_client_certificate),
		cmocka_unit_test(test_plain_server),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
