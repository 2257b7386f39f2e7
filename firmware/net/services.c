/* SPDX-License-Identifier: Apache-2.0 */
/*
 * c-ares asks the C library for service names (/etc/services), which a static program could only
 * do with shared libraries at run time. Serin looks up hosts alone and gives ports as numbers, so
 * these take the place of the C library's functions and know no service.
 *
 * Thread: any. Yields: no.
 */
#include <errno.h>
#include <netdb.h>
#include <stddef.h>

#include "firmware/core/attr.h"

struct servent *getservbyname(const char *name UNUSED, const char *proto UNUSED)
{
	return NULL;
}

int getservbyname_r(const char *restrict name UNUSED, const char *restrict proto UNUSED,
		    struct servent *restrict entry UNUSED, char *restrict p UNUSED, size_t n UNUSED,
		    struct servent **restrict ret)
{
	*ret = NULL;
	return ENOENT;
}

int getservbyport_r(int port UNUSED, const char *restrict proto UNUSED,
		    struct servent *restrict entry UNUSED, char *restrict p UNUSED, size_t n UNUSED,
		    struct servent **restrict ret)
{
	*ret = NULL;
	return ENOENT;
}
