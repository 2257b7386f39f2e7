/* SPDX-License-Identifier: Apache-2.0 */
#include "api/shape/text.h"

#include "firmware/core/clock.h"

#define MINUTE 60LL
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

void text_human_duration(int64_t ns, struct buf *out)
{
	long long s = ns / NSEC_PER_SEC;

	if (s < 1)
		buf_puts(out, "Less than a second");
	else if (s == 1)
		buf_puts(out, "1 second");
	else if (s < MINUTE)
		buf_printf(out, "%lld seconds", s);
	else if (s < 2 * MINUTE)
		buf_puts(out, "About a minute");
	else if (s < 46 * MINUTE)
		buf_printf(out, "%lld minutes", s / MINUTE);
	else if (s < HOUR + 30 * MINUTE && (s + HOUR / 2) / HOUR == 1)
		buf_puts(out, s < HOUR ? "About an hour" : "About an hour");
	else if ((s + HOUR / 2) / HOUR < 48)
		buf_printf(out, "%lld hours", (s + HOUR / 2) / HOUR);
	else if (s < 14 * DAY)
		buf_printf(out, "%lld days", s / DAY);
	else if (s < 60 * DAY)
		buf_printf(out, "%lld weeks", s / DAY / 7);
	else if (s < 2 * 365 * DAY)
		buf_printf(out, "%lld months", s / DAY / 30);
	else
		buf_printf(out, "%lld years", s / DAY / 365);
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
	put_word(path, out);
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
