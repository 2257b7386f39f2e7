# SPDX-License-Identifier: Apache-2.0
#
# cppcheck finds nothing in the modules. Exceptions are inline, each explained in its line.

command -v cppcheck >/dev/null || {
	echo "cppcheck is not installed"
	exit 77
}
[ -n "$(find firmware runtime api -name '*.c' 2>/dev/null | head -n 1)" ] || exit 0
timeout 240 cppcheck -q -j "$(nproc)" --std=c11 --language=c --enable=warning,portability \
	--inline-suppr --error-exitcode=1 --template='{file}:{line}: {id}: {message}' \
	--suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches --max-configs=2 -I. \
	firmware runtime api
code=$?
[ $code -ne 124 ] || {
	echo "cppcheck took more than 240 s"
	exit 77
}
exit $code
