/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How libarchive is kept to its task. Some of its outside references are answered here, so that a
 * static program gets the tar code and nothing else, and gets it without locales.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <iconv.h>
#include <string.h>

#include "firmware/fmt/tar_private.h"
#include "firmware/fmt/utf8.h"

/*
 * libarchive keeps this helper in one object with a table of all its formats, which would bring
 * 7zip, ISO and with them four compression libraries along. Weak: should that object be linked
 * after all, the library's own wins.
 */
void __archive_write_entry_filetype_unsupported(struct archive *a, struct archive_entry *entry,
						const char *format);
__attribute__((weak)) void __archive_write_entry_filetype_unsupported(struct archive *a,
								      struct archive_entry *entry,
								      const char *format)
{
	(void)entry;
	archive_set_error(a, EINVAL, "%s: file type not supported", format);
}

/*
 * libarchive, the only one here to use iconv, converts names between pax's UTF-8 and the charset of
 * the locale, which in a static program is always ASCII. Names are bytes to us:
 *
 * - To UTF-8 (writing) what is UTF-8 already passes as it is. Anything else fails, and libarchive
 *   writes the bytes with a mark that they are no UTF-8.
 * - From UTF-8 (reading) there is no conversion, and libarchive takes the bytes as they stand. It
 *   would otherwise compose what is decomposed, and so rename files.
 */
iconv_t iconv_open(const char *to, const char *from)
{
	static char as_it_is;

	(void)from;
	if (strcmp(to, "UTF-8") == 0)
		return (iconv_t)&as_it_is;
	errno = EINVAL;
	return (iconv_t)-1;
}

size_t iconv(iconv_t cd, char **in, size_t *in_left, char **out, size_t *out_left)
{
	(void)cd;
	while (in && *in && *in_left > 0) {
		const unsigned char *p = (const unsigned char *)*in;
		size_t n = utf8_length(p, p + *in_left);

		if (n == 0 || n > *out_left) {
			errno = n ? E2BIG : EILSEQ;
			return (size_t)-1;
		}
		memcpy(*out, *in, n);
		*in += n;
		*in_left -= n;
		*out += n;
		*out_left -= n;
	}
	return 0;
}

int iconv_close(iconv_t cd)
{
	(void)cd;
	return 0;
}

int tar_fail(struct archive *a, const struct err *stream, enum err_kind kind, struct err *e)
{
	const char *text = archive_error_string(a);

	if (stream->kind != ERR_NONE) {
		if (e && e != stream)
			*e = *stream;
		return err_code(stream);
	}
	if (archive_errno(a) == ENOMEM)
		return err_set(e, ERR_UNAVAILABLE, "no memory left for a tar archive");
	return err_set(e, kind, "tar: %s", text ? text : "invalid archive");
}
