/* SPDX-License-Identifier: Apache-2.0 */
#include "api/shape/text.h"

#include "firmware/core/clock.h"

void text_human_duration(int64_t ns, struct buf *out)
{
	long long seconds = ns / NSEC_PER_SEC, minutes = seconds / 60;
	long long hours = (seconds + 1800) / 3600; /* rounded: an hour and a half is two */

	if (seconds < 1)
		buf_puts(out, "Less than a second");
	else if (seconds == 1)
		buf_puts(out, "1 second");
	else if (seconds < 60)
		buf_printf(out, "%lld seconds", seconds);
	else if (minutes == 1)
		buf_puts(out, "About a minute");
	else if (minutes < 60)
		buf_printf(out, "%lld minutes", minutes);
	else if (hours == 1)
		buf_puts(out, "About an hour");
	else if (hours < 48)
		buf_printf(out, "%lld hours", hours);
	else if (hours < 14 * 24)
		buf_printf(out, "%lld days", hours / 24);
	else if (hours < 60 * 24)
		buf_printf(out, "%lld weeks", hours / 24 / 7);
	else if (hours < 2 * 365 * 24)
		buf_printf(out, "%lld months", hours / 24 / 30);
	else
		buf_printf(out, "%lld years", seconds / 3600 / 24 / 365);
}

static void put_word(const char *word, struct buf *out)
{
	if (strchr(word, ' '))
		buf_printf(out, "'%s'", word);
	else
		buf_puts(out, word);
}

void text_command(const char *path, const struct texts *args, struct buf *out)
{
	buf_puts(out, path);
	for (size_t i = 0; i < args->n; i++) {
		buf_putc(out, ' ');
		put_word(args->items[i], out);
	}
}

void text_kv_time(struct json_writer *w, const char *key, int64_t wall_ns)
{
	char text[CLOCK_RFC3339_MAX] = "0001-01-01T00:00:00Z";

	if (wall_ns)
		clock_format_rfc3339nano(wall_ns, text);
	json_kv_text(w, key, text);
}
