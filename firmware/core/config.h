/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Build-time options in ordinary C: CONFIG(X) is 1 when the Kconfig symbol X is on and 0 when it
 * is off or absent, so that disabled code is still compiled and checked, then dropped.
 *
 * Thread: any. Yields: no.
 */
#ifndef FIRMWARE_CORE_CONFIG_H
#define FIRMWARE_CORE_CONFIG_H

#define CONFIG_PROBE_1_ ~, 1,
#define CONFIG_SECOND_(ignored, value, ...) value
#define CONFIG_EXPAND_(...) CONFIG_SECOND_(__VA_ARGS__, 0, 0)
#define CONFIG_PASTE_(value) CONFIG_PROBE_##value##_
#define CONFIG_VALUE_(value) CONFIG_EXPAND_(CONFIG_PASTE_(value))
#define CONFIG(x) CONFIG_VALUE_1_(CONFIG_##x)
#define CONFIG_VALUE_1_(value) CONFIG_VALUE_(value)

#endif
