# SPDX-License-Identifier: Apache-2.0
#
# Reads GNU ld's link map and adds up what each archive really put into the program: code and
# constants (text), initialised data (data), zeroed memory (bss, not in the file).

function flush_section(    name, part)
{
	if (section == "" || bytes == 0)
		return
	part = section
	if (part ~ /^\.(text|init|fini|rodata|eh_frame|gcc_except_table|plt|rela|relr|note)/ ||
	    part ~ /^(__libc_freeres_fn|__libc_IO_vtables|\.stapsdt)/)
		kind = "text"
	else if (part ~ /^(\.bss|COMMON|\.tbss|__libc_freeres_ptrs)/)
		kind = "bss"
	else if (part ~ /^\.(debug|comment|stab|gnu\.warning|gnu\.build)/)
		return
	else
		kind = "data"
	name = file
	if (match(name, /\([^)]*\)$/))
		name = substr(name, 1, RSTART - 1)
	if (name ~ /\.a$/) {
		sub(/^.*\//, "", name)
		sub(/\.a$/, "", name)
	} else {
		name = "start files, linker"
	}
	if (file ~ /\/lib\/(firmware|runtime|api)[^\/]*\.a/) {
		name = gensub_slash(name)
		own[name] = 1
	}
	size[kind, name] += bytes
	names[name] = 1
	section = ""
}

# The archive of firmware/core is firmware_core.a; no folder name holds an underscore.
function gensub_slash(s)
{
	gsub(/_/, "/", s)
	return s
}

function hex(s,    i, v)
{
	v = 0
	s = tolower(substr(s, 3))
	for (i = 1; i <= length(s); i++)
		v = v * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1
	return v
}

function table(mine, title,    n, list, count, i, j, t, sum)
{
	printf "%9s %9s %9s  %s\n", "text", "data", "bss", title
	count = 0
	for (n in names)
		if ((n in own) == mine)
			list[++count] = n
	for (i = 2; i <= count; i++)
		for (j = i; j > 1 && total(list[j]) > total(list[j - 1]); j--) {
			t = list[j]
			list[j] = list[j - 1]
			list[j - 1] = t
		}
	for (i = 1; i <= count; i++)
		line(size["text", list[i]], size["data", list[i]], size["bss", list[i]], list[i])
}

function total(n)
{
	return size["text", n] + size["data", n]
}

function line(t, d, b, n)
{
	printf "%9d %9d %9d  %s\n", t, d, b, n
	if (n != "together") {
		text += t
		data += d
		bss += b
	}
}

/^Linker script and memory map/ { on = 1; next }
/^OUTPUT\(/ { on = 0 }
!on { next }

# " .text.name  0xaddress  0xsize  file", the name on a line of its own when it is long.
/^ [.A-Z_a-z][^ ]*$/ { pending = $1; next }
# A section of the program, at the start of a line: one at address 0 is not loaded.
/^[._A-Za-z][^ ]* +0x[0-9a-f]+ +0x[0-9a-f]+/ { loaded = hex($2) != 0 }
/^ [.A-Z_a-z][^ ]* +0x[0-9a-f]+ +0x[0-9a-f]+ [^ ]/ {
	add($1, $2, $3, substr($0, index($0, $3) + length($3) + 1))
	pending = ""
	next
}
/^ +0x[0-9a-f]+ +0x[0-9a-f]+ [^ ]/ && pending != "" {
	add(pending, $1, $2, substr($0, index($0, $2) + length($2) + 1))
	pending = ""
	next
}
{ pending = "" }

function add(s, address, n, f)
{
	if (!loaded || hex(address) == 0)
		return
	section = s
	bytes = hex(n)
	file = f
	sub(/^ +/, "", file)
	flush_section()
}

END {
	table(1, "Serin")
	print ""
	table(0, "libraries")
	print ""
	line(text, data, bss, "together")
}
