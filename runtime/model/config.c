/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables behind runtime/model/config.h. The order of the fields is the order in which the
 * engine prints them; clients do not depend on it, people who compare do.
 */
#include "runtime/model/config.h"

#include <stddef.h>

#define F(type, name, member, kind) SHAPE_FIELD(struct type, name, member, kind)
#define FX(type, name, member, kind, ...) SHAPE_FIELD(struct type, name, member, kind, __VA_ARGS__)
#define SHAPE_OF(tag, go_name, table)                                                              \
	const struct shape shape_##tag = {                                                         \
		.name = go_name,                                                                   \
		.size = sizeof(struct tag),                                                        \
		.fields = table,                                                                   \
		.n_fields = ARRAY_LEN(table),                                                      \
	}
#define STATIC_SHAPE_OF(tag, go_name, table)                                                       \
	static const struct shape shape_##tag = {                                                  \
		.name = go_name,                                                                   \
		.size = sizeof(struct tag),                                                        \
		.fields = table,                                                                   \
		.n_fields = ARRAY_LEN(table),                                                      \
	}

static const struct shape_field health_fields[] = {
	FX(health_config, "Test", test, SHAPE_TEXTS, .flags = SHAPE_OMIT_EMPTY),
	FX(health_config, "Interval", interval, SHAPE_I64, .flags = SHAPE_OMIT_EMPTY),
	FX(health_config, "Timeout", timeout, SHAPE_I64, .flags = SHAPE_OMIT_EMPTY),
	FX(health_config, "StartPeriod", start_period, SHAPE_I64, .flags = SHAPE_OMIT_EMPTY),
	FX(health_config, "StartInterval", start_interval, SHAPE_I64, .flags = SHAPE_OMIT_EMPTY,
	   .since = 44),
	FX(health_config, "Retries", retries, SHAPE_I64, .flags = SHAPE_OMIT_EMPTY),
};
SHAPE_OF(health_config, "HealthConfig", health_fields);

static const struct shape_field container_config_fields[] = {
	F(container_config, "Hostname", hostname, SHAPE_TEXT),
	F(container_config, "Domainname", domainname, SHAPE_TEXT),
	F(container_config, "User", user, SHAPE_TEXT),
	F(container_config, "AttachStdin", attach_stdin, SHAPE_BOOL),
	F(container_config, "AttachStdout", attach_stdout, SHAPE_BOOL),
	F(container_config, "AttachStderr", attach_stderr, SHAPE_BOOL),
	FX(container_config, "ExposedPorts", exposed_ports, SHAPE_TEXT_SET,
	   .flags = SHAPE_OMIT_EMPTY),
	F(container_config, "Tty", tty, SHAPE_BOOL),
	F(container_config, "OpenStdin", open_stdin, SHAPE_BOOL),
	F(container_config, "StdinOnce", stdin_once, SHAPE_BOOL),
	F(container_config, "Env", env, SHAPE_TEXTS),
	F(container_config, "Cmd", cmd, SHAPE_TEXTS_OR_ONE),
	FX(container_config, "Healthcheck", healthcheck, SHAPE_PTR, .sub = &shape_health_config,
	   .flags = SHAPE_OMIT_EMPTY),
	FX(container_config, "ArgsEscaped", args_escaped, SHAPE_BOOL, .flags = SHAPE_OMIT_EMPTY),
	F(container_config, "Image", image, SHAPE_TEXT),
	F(container_config, "Volumes", volumes, SHAPE_TEXT_SET),
	F(container_config, "WorkingDir", working_dir, SHAPE_TEXT),
	F(container_config, "Entrypoint", entrypoint, SHAPE_TEXTS_OR_ONE),
	FX(container_config, "NetworkDisabled", network_disabled, SHAPE_BOOL,
	   .flags = SHAPE_OMIT_EMPTY),
	FX(container_config, "MacAddress", mac_address, SHAPE_TEXT, .flags = SHAPE_OMIT_EMPTY),
	F(container_config, "OnBuild", on_build, SHAPE_TEXTS),
	F(container_config, "Labels", labels, SHAPE_TEXT_MAP),
	FX(container_config, "StopSignal", stop_signal, SHAPE_TEXT, .flags = SHAPE_OMIT_EMPTY),
	FX(container_config, "StopTimeout", stop_timeout, SHAPE_OPT_I64, .flags = SHAPE_OMIT_EMPTY),
	FX(container_config, "Shell", shell, SHAPE_TEXTS_OR_ONE, .flags = SHAPE_OMIT_EMPTY),
};
SHAPE_OF(container_config, "Config", container_config_fields);

static const struct shape_field log_config_fields[] = {
	F(log_config, "Type", type, SHAPE_TEXT),
	FX(log_config, "Config", options, SHAPE_TEXT_MAP, .flags = SHAPE_EMPTY_ARRAY),
};
STATIC_SHAPE_OF(log_config, "LogConfig", log_config_fields);

static const struct shape_field restart_policy_fields[] = {
	F(restart_policy, "Name", name, SHAPE_TEXT),
	F(restart_policy, "MaximumRetryCount", maximum_retry_count, SHAPE_I64),
};
STATIC_SHAPE_OF(restart_policy, "RestartPolicy", restart_policy_fields);

static const struct shape_field port_binding_fields[] = {
	F(port_binding, "HostIp", host_ip, SHAPE_TEXT),
	F(port_binding, "HostPort", host_port, SHAPE_TEXT),
};
SHAPE_OF(port_binding, "PortBinding", port_binding_fields);

static const struct shape_field device_mapping_fields[] = {
	F(device_mapping, "PathOnHost", path_on_host, SHAPE_TEXT),
	F(device_mapping, "PathInContainer", path_in_container, SHAPE_TEXT),
	F(device_mapping, "CgroupPermissions", cgroup_permissions, SHAPE_TEXT),
};
STATIC_SHAPE_OF(device_mapping, "DeviceMapping", device_mapping_fields);

static const struct shape_field device_request_fields[] = {
	F(device_request, "Driver", driver, SHAPE_TEXT),
	F(device_request, "Count", count, SHAPE_I64),
	F(device_request, "DeviceIDs", device_ids, SHAPE_TEXTS),
	FX(device_request, "Capabilities", capabilities, SHAPE_RAW, .flags = SHAPE_LISTS),
	F(device_request, "Options", options, SHAPE_TEXT_MAP),
};
STATIC_SHAPE_OF(device_request, "DeviceRequest", device_request_fields);

static const struct shape_field throttle_device_fields[] = {
	F(throttle_device, "Path", path, SHAPE_TEXT),
	FX(throttle_device, "Rate", rate, SHAPE_I64, .flags = SHAPE_U64),
};
STATIC_SHAPE_OF(throttle_device, "ThrottleDevice", throttle_device_fields);

static const struct shape_field weight_device_fields[] = {
	F(weight_device, "Path", path, SHAPE_TEXT),
	FX(weight_device, "Weight", weight, SHAPE_I64, .flags = SHAPE_U16),
};
STATIC_SHAPE_OF(weight_device, "WeightDevice", weight_device_fields);

static const struct shape_field ulimit_fields[] = {
	F(ulimit, "Name", name, SHAPE_TEXT),
	F(ulimit, "Hard", hard, SHAPE_I64),
	F(ulimit, "Soft", soft, SHAPE_I64),
};
STATIC_SHAPE_OF(ulimit, "Ulimit", ulimit_fields);

static const struct shape_field bind_options_fields[] = {
	FX(bind_options, "Propagation", propagation, SHAPE_TEXT, .flags = SHAPE_OMIT_EMPTY),
	FX(bind_options, "NonRecursive", non_recursive, SHAPE_BOOL, .flags = SHAPE_OMIT_EMPTY),
	FX(bind_options, "CreateMountpoint", create_mountpoint, SHAPE_BOOL,
	   .flags = SHAPE_OMIT_EMPTY),
	FX(bind_options, "ReadOnlyNonRecursive", read_only_non_recursive, SHAPE_BOOL,
	   .flags = SHAPE_OMIT_EMPTY),
	FX(bind_options, "ReadOnlyForceRecursive", read_only_force_recursive, SHAPE_BOOL,
	   .flags = SHAPE_OMIT_EMPTY),
};
STATIC_SHAPE_OF(bind_options, "BindOptions", bind_options_fields);

static const struct shape_field volume_driver_config_fields[] = {
	FX(volume_driver_config, "Name", name, SHAPE_TEXT, .flags = SHAPE_OMIT_EMPTY),
	FX(volume_driver_config, "Options", options, SHAPE_TEXT_MAP, .flags = SHAPE_OMIT_EMPTY),
};
STATIC_SHAPE_OF(volume_driver_config, "Driver", volume_driver_config_fields);

static const struct shape_field volume_options_fields[] = {
	FX(volume_options, "NoCopy", no_copy, SHAPE_BOOL, .flags = SHAPE_OMIT_EMPTY),
	FX(volume_options, "Labels", labels, SHAPE_TEXT_MAP, .flags = SHAPE_OMIT_EMPTY),
	FX(volume_options, "Subpath", subpath, SHAPE_TEXT, .flags = SHAPE_OMIT_EMPTY),
	FX(volume_options, "DriverConfig", driver_config, SHAPE_PTR,
	   .sub = &shape_volume_driver_config, .flags = SHAPE_OMIT_EMPTY),
};
STATIC_SHAPE_OF(volume_options, "VolumeOptions", volume_options_fields);

static const struct shape_field tmpfs_options_fields[] = {
	FX(tmpfs_options, "SizeBytes", size_bytes, SHAPE_I64, .flags = SHAPE_OMIT_EMPTY),
	FX(tmpfs_options, "Mode", mode, SHAPE_I64, .flags = SHAPE_OMIT_EMPTY | SHAPE_U32),
	FX(tmpfs_options, "Options", options, SHAPE_RAW, .flags = SHAPE_OMIT_EMPTY | SHAPE_LISTS),
};
STATIC_SHAPE_OF(tmpfs_options, "TmpfsOptions", tmpfs_options_fields);

static const struct shape_field image_options_fields[] = {
	FX(image_options, "Subpath", subpath, SHAPE_TEXT, .flags = SHAPE_OMIT_EMPTY),
};
STATIC_SHAPE_OF(image_options, "ImageOptions", image_options_fields);

static const struct shape_field mount_config_fields[] = {
	FX(mount_config, "Type", type, SHAPE_TEXT, .flags = SHAPE_OMIT_EMPTY),
	FX(mount_config, "Source", source, SHAPE_TEXT, .flags = SHAPE_OMIT_EMPTY),
	FX(mount_config, "Target", target, SHAPE_TEXT, .flags = SHAPE_OMIT_EMPTY),
	FX(mount_config, "ReadOnly", read_only, SHAPE_BOOL, .flags = SHAPE_OMIT_EMPTY),
	FX(mount_config, "Consistency", consistency, SHAPE_TEXT, .flags = SHAPE_OMIT_EMPTY),
	FX(mount_config, "BindOptions", bind_options, SHAPE_PTR, .sub = &shape_bind_options,
	   .flags = SHAPE_OMIT_EMPTY),
	FX(mount_config, "VolumeOptions", volume_options, SHAPE_PTR, .sub = &shape_volume_options,
	   .flags = SHAPE_OMIT_EMPTY),
	FX(mount_config, "ImageOptions", image_options, SHAPE_PTR, .sub = &shape_image_options,
	   .flags = SHAPE_OMIT_EMPTY),
	FX(mount_config, "TmpfsOptions", tmpfs_options, SHAPE_PTR, .sub = &shape_tmpfs_options,
	   .flags = SHAPE_OMIT_EMPTY),
};
STATIC_SHAPE_OF(mount_config, "Mount", mount_config_fields);

static const struct shape_field host_config_fields[] = {
	F(host_config, "Binds", binds, SHAPE_TEXTS),
	F(host_config, "ContainerIDFile", container_id_file, SHAPE_TEXT),
	FX(host_config, "LogConfig", log_config, SHAPE_STRUCT, .sub = &shape_log_config),
	F(host_config, "NetworkMode", network_mode, SHAPE_TEXT),
	FX(host_config, "PortBindings", port_bindings, SHAPE_MAP_ARRAY, .sub = &shape_port_binding,
	   .flags = SHAPE_EMPTY_ARRAY),
	FX(host_config, "RestartPolicy", restart_policy, SHAPE_STRUCT,
	   .sub = &shape_restart_policy),
	F(host_config, "AutoRemove", auto_remove, SHAPE_BOOL),
	FX(host_config, "VolumeDriver", volume_driver, SHAPE_TEXT, .flags = 0),
	FX(host_config, "VolumesFrom", volumes_from, SHAPE_TEXTS, .flags = 0),
	FX(host_config, "ConsoleSize", console_size_raw, SHAPE_RAW, .flags = SHAPE_PAIR),
	FX(host_config, "Annotations", annotations, SHAPE_TEXT_MAP, .flags = SHAPE_OMIT_EMPTY),
	F(host_config, "CapAdd", cap_add, SHAPE_TEXTS_OR_ONE),
	F(host_config, "CapDrop", cap_drop, SHAPE_TEXTS_OR_ONE),
	F(host_config, "CgroupnsMode", cgroupns_mode, SHAPE_TEXT),
	FX(host_config, "Dns", dns, SHAPE_TEXTS, .flags = SHAPE_EMPTY_ARRAY),
	FX(host_config, "DnsOptions", dns_options, SHAPE_TEXTS, .flags = SHAPE_EMPTY_ARRAY),
	FX(host_config, "DnsSearch", dns_search, SHAPE_TEXTS, .flags = SHAPE_EMPTY_ARRAY),
	F(host_config, "ExtraHosts", extra_hosts, SHAPE_TEXTS),
	F(host_config, "GroupAdd", group_add, SHAPE_TEXTS),
	F(host_config, "IpcMode", ipc_mode, SHAPE_TEXT),
	F(host_config, "Cgroup", cgroup, SHAPE_TEXT),
	F(host_config, "Links", links, SHAPE_TEXTS),
	F(host_config, "OomScoreAdj", oom_score_adj, SHAPE_I64),
	F(host_config, "PidMode", pid_mode, SHAPE_TEXT),
	F(host_config, "Privileged", privileged, SHAPE_BOOL),
	F(host_config, "PublishAllPorts", publish_all_ports, SHAPE_BOOL),
	F(host_config, "ReadonlyRootfs", readonly_rootfs, SHAPE_BOOL),
	F(host_config, "SecurityOpt", security_opt, SHAPE_TEXTS),
	FX(host_config, "StorageOpt", storage_opt, SHAPE_TEXT_MAP, .flags = SHAPE_OMIT_EMPTY),
	FX(host_config, "Tmpfs", tmpfs, SHAPE_TEXT_MAP, .flags = SHAPE_OMIT_EMPTY),
	F(host_config, "UTSMode", uts_mode, SHAPE_TEXT),
	F(host_config, "UsernsMode", userns_mode, SHAPE_TEXT),
	F(host_config, "ShmSize", shm_size, SHAPE_I64),
	FX(host_config, "Sysctls", sysctls, SHAPE_TEXT_MAP, .flags = SHAPE_OMIT_EMPTY),
	FX(host_config, "Runtime", runtime, SHAPE_TEXT, .flags = SHAPE_OMIT_EMPTY),
	F(host_config, "Isolation", isolation, SHAPE_TEXT),
	F(host_config, "CpuShares", cpu_shares, SHAPE_I64),
	F(host_config, "Memory", memory, SHAPE_I64),
	F(host_config, "NanoCpus", nano_cpus, SHAPE_I64),
	F(host_config, "CgroupParent", cgroup_parent, SHAPE_TEXT),
	FX(host_config, "BlkioWeight", blkio_weight, SHAPE_I64, .flags = SHAPE_U16),
	FX(host_config, "BlkioWeightDevice", blkio_weight_device, SHAPE_ARRAY,
	   .sub = &shape_weight_device, .flags = SHAPE_EMPTY_ARRAY),
	FX(host_config, "BlkioDeviceReadBps", blkio_read_bps, SHAPE_ARRAY,
	   .sub = &shape_throttle_device, .flags = SHAPE_EMPTY_ARRAY),
	FX(host_config, "BlkioDeviceWriteBps", blkio_write_bps, SHAPE_ARRAY,
	   .sub = &shape_throttle_device, .flags = SHAPE_EMPTY_ARRAY),
	FX(host_config, "BlkioDeviceReadIOps", blkio_read_iops, SHAPE_ARRAY,
	   .sub = &shape_throttle_device, .flags = SHAPE_EMPTY_ARRAY),
	FX(host_config, "BlkioDeviceWriteIOps", blkio_write_iops, SHAPE_ARRAY,
	   .sub = &shape_throttle_device, .flags = SHAPE_EMPTY_ARRAY),
	F(host_config, "CpuPeriod", cpu_period, SHAPE_I64),
	F(host_config, "CpuQuota", cpu_quota, SHAPE_I64),
	F(host_config, "CpuRealtimePeriod", cpu_rt_period, SHAPE_I64),
	F(host_config, "CpuRealtimeRuntime", cpu_rt_runtime, SHAPE_I64),
	F(host_config, "CpusetCpus", cpuset_cpus, SHAPE_TEXT),
	F(host_config, "CpusetMems", cpuset_mems, SHAPE_TEXT),
	FX(host_config, "Devices", devices, SHAPE_ARRAY, .sub = &shape_device_mapping,
	   .flags = SHAPE_EMPTY_ARRAY),
	F(host_config, "DeviceCgroupRules", device_cgroup_rules, SHAPE_TEXTS),
	FX(host_config, "DeviceRequests", device_requests, SHAPE_ARRAY,
	   .sub = &shape_device_request),
	FX(host_config, "KernelMemory", kernel_memory, SHAPE_I64, .flags = SHAPE_OMIT_EMPTY),
	FX(host_config, "KernelMemoryTCP", kernel_memory_tcp, SHAPE_I64, .flags = SHAPE_OMIT_EMPTY),
	F(host_config, "MemoryReservation", memory_reservation, SHAPE_I64),
	F(host_config, "MemorySwap", memory_swap, SHAPE_I64),
	F(host_config, "MemorySwappiness", memory_swappiness, SHAPE_OPT_I64),
	F(host_config, "OomKillDisable", oom_kill_disable, SHAPE_TRI),
	F(host_config, "PidsLimit", pids_limit, SHAPE_OPT_I64),
	FX(host_config, "Ulimits", ulimits, SHAPE_ARRAY, .sub = &shape_ulimit,
	   .flags = SHAPE_EMPTY_ARRAY),
	F(host_config, "CpuCount", cpu_count, SHAPE_I64),
	F(host_config, "CpuPercent", cpu_percent, SHAPE_I64),
	FX(host_config, "IOMaximumIOps", io_max_iops, SHAPE_I64, .flags = SHAPE_U64),
	FX(host_config, "IOMaximumBandwidth", io_max_bandwidth, SHAPE_I64, .flags = SHAPE_U64),
	FX(host_config, "Mounts", mounts, SHAPE_ARRAY, .sub = &shape_mount_config,
	   .flags = SHAPE_OMIT_EMPTY),
	F(host_config, "MaskedPaths", masked_paths, SHAPE_TEXTS),
	F(host_config, "ReadonlyPaths", readonly_paths, SHAPE_TEXTS),
	FX(host_config, "Init", init, SHAPE_TRI, .flags = SHAPE_OMIT_EMPTY),
};
SHAPE_OF(host_config, "HostConfig", host_config_fields);

static const struct shape_field endpoint_ipam_fields[] = {
	FX(endpoint_ipam, "IPv4Address", ipv4_address, SHAPE_TEXT, .flags = SHAPE_OMIT_EMPTY),
	FX(endpoint_ipam, "IPv6Address", ipv6_address, SHAPE_TEXT, .flags = SHAPE_OMIT_EMPTY),
	FX(endpoint_ipam, "LinkLocalIPs", link_local_ips, SHAPE_TEXTS, .flags = SHAPE_OMIT_EMPTY),
};
STATIC_SHAPE_OF(endpoint_ipam, "EndpointIPAMConfig", endpoint_ipam_fields);

static const struct shape_field endpoint_config_fields[] = {
	FX(endpoint_config, "IPAMConfig", ipam_config, SHAPE_PTR, .sub = &shape_endpoint_ipam),
	F(endpoint_config, "Links", links, SHAPE_TEXTS),
	F(endpoint_config, "Aliases", aliases, SHAPE_TEXTS),
	F(endpoint_config, "MacAddress", mac_address, SHAPE_TEXT),
	F(endpoint_config, "DriverOpts", driver_opts, SHAPE_TEXT_MAP),
	F(endpoint_config, "GwPriority", gw_priority, SHAPE_I64),
	F(endpoint_config, "NetworkID", network_id, SHAPE_TEXT),
};
SHAPE_OF(endpoint_config, "EndpointSettings", endpoint_config_fields);

static const struct shape_field networking_config_fields[] = {
	FX(networking_config, "EndpointsConfig", endpoints, SHAPE_MAP,
	   .sub = &shape_endpoint_config),
};
SHAPE_OF(networking_config, "NetworkingConfig", networking_config_fields);

static const struct shape_field create_request_fields[] = {
	FX(create_request, "HostConfig", host, SHAPE_STRUCT, .sub = &shape_host_config),
	FX(create_request, "NetworkingConfig", networking, SHAPE_STRUCT,
	   .sub = &shape_networking_config),
};
SHAPE_OF(create_request, "CreateRequest", create_request_fields);

static const struct shape_field image_rootfs_fields[] = {
	F(image_rootfs, "type", type, SHAPE_TEXT),
	F(image_rootfs, "diff_ids", diff_ids, SHAPE_TEXTS),
};
STATIC_SHAPE_OF(image_rootfs, "RootFS", image_rootfs_fields);

static const struct shape_field image_history_fields[] = {
	FX(image_history, "created", created, SHAPE_TEXT, .flags = SHAPE_OMIT_EMPTY),
	FX(image_history, "created_by", created_by, SHAPE_TEXT, .flags = SHAPE_OMIT_EMPTY),
	FX(image_history, "author", author, SHAPE_TEXT, .flags = SHAPE_OMIT_EMPTY),
	FX(image_history, "comment", comment, SHAPE_TEXT, .flags = SHAPE_OMIT_EMPTY),
	FX(image_history, "empty_layer", empty_layer, SHAPE_BOOL, .flags = SHAPE_OMIT_EMPTY),
};
STATIC_SHAPE_OF(image_history, "History", image_history_fields);

static const struct shape_field image_spec_fields[] = {
	F(image_spec, "architecture", architecture, SHAPE_TEXT),
	FX(image_spec, "variant", variant, SHAPE_TEXT, .flags = SHAPE_OMIT_EMPTY),
	F(image_spec, "os", os, SHAPE_TEXT),
	FX(image_spec, "os.version", os_version, SHAPE_TEXT, .flags = SHAPE_OMIT_EMPTY),
	FX(image_spec, "created", created, SHAPE_TEXT, .flags = SHAPE_OMIT_EMPTY),
	FX(image_spec, "author", author, SHAPE_TEXT, .flags = SHAPE_OMIT_EMPTY),
	FX(image_spec, "comment", comment, SHAPE_TEXT, .flags = SHAPE_OMIT_EMPTY),
	FX(image_spec, "docker_version", docker_version, SHAPE_TEXT, .flags = SHAPE_OMIT_EMPTY),
	FX(image_spec, "parent", parent, SHAPE_TEXT, .flags = SHAPE_OMIT_EMPTY),
	FX(image_spec, "container", container, SHAPE_TEXT, .flags = SHAPE_OMIT_EMPTY),
	FX(image_spec, "config", config, SHAPE_STRUCT, .sub = &shape_container_config),
	FX(image_spec, "container_config", container_config, SHAPE_PTR,
	   .sub = &shape_container_config, .flags = SHAPE_OMIT_EMPTY),
	FX(image_spec, "rootfs", rootfs, SHAPE_STRUCT, .sub = &shape_image_rootfs),
	FX(image_spec, "history", history, SHAPE_ARRAY, .sub = &shape_image_history),
};
SHAPE_OF(image_spec, "Image", image_spec_fields);

int create_request_decode(struct json_node body, struct arena *a, struct create_request *ret,
			  struct err *e)
{
	int r = shape_decode(&shape_create_request, body, a, ret, e);

	if (r < 0)
		return r;
	return shape_decode(&shape_container_config, body, a, &ret->config, e);
}

bool create_request_has_config(struct json_node body)
{
	const struct shape *s = &shape_container_config;

	for (size_t i = 0; i < s->n_fields; i++)
		if (json_type(json_get(body, s->fields[i].name)) != JSON_NONE)
			return true;
	return false;
}
