# SPDX-License-Identifier: Apache-2.0
#
# Every shell script parses; where shellcheck is installed it finds no error.

findings=0
for file in $(git ls-files -co --exclude-standard 2>/dev/null || find . -type f ! -path './build/*'); do
	[ -f "$file" ] || continue
	first=$(head -c 64 "$file" | tr -d '\000' | head -n 1)
	case $file:$first in
	*.sh:* | *:'#!/bin/sh'*) shell=sh ;;
	*:'#!/bin/bash'* | *:'#!/usr/bin/env bash'*) shell=bash ;;
	*) continue ;;
	esac
	$shell -n "$file" || findings=1
	command -v shellcheck >/dev/null || continue
	shellcheck -s $shell -S error -f gcc "$file" || findings=1
done
exit $findings
