# SPDX-License-Identifier: Apache-2.0
#
# No trailing whitespace, no carriage returns, a newline at the end. Test data is left alone.

findings=0
cr=$(printf '\r')
for file in $(git ls-files -co --exclude-standard 2>/dev/null || find . -type f ! -path './build/*'); do
	[ -s "$file" ] || continue
	case $file in
	*/corpus/* | */regression/* | */data/*) continue ;;
	esac
	grep -Iq . "$file" || continue
	grep -nI "[ 	$cr]\$" "$file" | sed "s|^\([0-9]*\):.*|$file:\1: trailing whitespace|" | grep . &&
		findings=1
	[ -z "$(tail -c 1 "$file")" ] || { findings=1 && echo "$file: no newline at the end"; }
done
exit $findings
