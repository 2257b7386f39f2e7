/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shapes that describe containers and images: ContainerConfig, HostConfig, NetworkingConfig as
 * clients send them and as they are kept on disk, and the OCI image configuration. One struct and
 * one table each; api/ and the durable files go through the same tables (fmt/bind.h).
 *
 * Thread: any. Yields: no. Owns: plain data; texts belong to the arena they were decoded into.
 */
#ifndef RUNTIME_MODEL_CONFIG_H
#define RUNTIME_MODEL_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/fmt/bind.h"

struct health_config {
	struct texts test;
	int64_t interval, timeout, start_period, start_interval; /* ns */
	int64_t retries;
};

/* ContainerConfig; also the "config" member of an image configuration. */
struct container_config {
	const char *hostname, *domainname, *user;
	bool attach_stdin, attach_stdout, attach_stderr;
	struct texts exposed_ports; /* set of "80/tcp" */
	bool tty, open_stdin, stdin_once;
	struct texts env;
	struct texts cmd;
	struct health_config *healthcheck;
	bool args_escaped;
	const char *image;
	struct texts volumes; /* set of paths */
	const char *working_dir;
	struct texts entrypoint;
	bool network_disabled;
	const char *mac_address;
	struct texts on_build;
	struct text_map labels;
	const char *stop_signal;
	struct opt_i64 stop_timeout; /* seconds */
	struct texts shell;
};

struct log_config {
	const char *type;
	struct text_map options;
};
struct restart_policy {
	const char *name;
	int64_t maximum_retry_count;
};
struct port_binding {
	const char *host_ip, *host_port;
};
struct device_mapping {
	const char *path_on_host, *path_in_container, *cgroup_permissions;
};
struct device_request {
	const char *driver;
	int64_t count;
	struct texts device_ids;
	struct str capabilities; /* [][]string, raw */
	struct text_map options;
};
struct throttle_device {
	const char *path;
	int64_t rate;
};
struct weight_device {
	const char *path;
	int64_t weight;
};
struct ulimit {
	const char *name;
	int64_t hard, soft;
};
struct bind_options {
	const char *propagation;
	bool non_recursive, create_mountpoint, read_only_non_recursive, read_only_force_recursive;
};
struct volume_driver_config {
	const char *name;
	struct text_map options;
};
struct volume_options {
	bool no_copy;
	struct text_map labels;
	struct volume_driver_config *driver_config;
	const char *subpath;
};
struct tmpfs_options {
	int64_t size_bytes, mode;
	struct str options; /* [][]string, raw */
};
struct image_options {
	const char *subpath;
};
struct mount_config {
	const char *type, *source, *target;
	bool read_only;
	const char *consistency;
	struct bind_options *bind_options;
	struct volume_options *volume_options;
	struct tmpfs_options *tmpfs_options;
	struct image_options *image_options;
};

struct host_config {
	struct texts binds;
	const char *container_id_file;
	struct log_config log_config;
	const char *network_mode;
	struct shape_map port_bindings; /* "80/tcp" → array of struct port_binding */
	struct restart_policy restart_policy;
	bool auto_remove;
	const char *volume_driver;
	struct texts volumes_from;
	struct str console_size_raw;
	struct text_map annotations;
	struct texts cap_add, cap_drop;
	const char *cgroupns_mode;
	struct texts dns, dns_options, dns_search, extra_hosts, group_add;
	const char *ipc_mode, *cgroup;
	struct texts links;
	int64_t oom_score_adj;
	const char *pid_mode;
	bool privileged, publish_all_ports, readonly_rootfs;
	struct texts security_opt;
	struct text_map storage_opt, tmpfs;
	const char *uts_mode, *userns_mode;
	int64_t shm_size;
	struct text_map sysctls;
	const char *runtime, *isolation;
	/* Resources */
	int64_t cpu_shares, memory, nano_cpus;
	const char *cgroup_parent;
	int64_t blkio_weight;
	struct shape_array blkio_weight_device; /* struct weight_device */
	struct shape_array blkio_read_bps, blkio_write_bps, blkio_read_iops, blkio_write_iops;
	int64_t cpu_period, cpu_quota, cpu_rt_period, cpu_rt_runtime;
	const char *cpuset_cpus, *cpuset_mems;
	struct shape_array devices; /* struct device_mapping */
	struct texts device_cgroup_rules;
	struct shape_array device_requests; /* struct device_request */
	int64_t kernel_memory, kernel_memory_tcp, memory_reservation, memory_swap;
	struct opt_i64 memory_swappiness;
	int8_t oom_kill_disable; /* tri */
	struct opt_i64 pids_limit;
	struct shape_array ulimits;				       /* struct ulimit */
	int64_t cpu_count, cpu_percent, io_max_iops, io_max_bandwidth; /* another system's */
	struct shape_array mounts;				       /* struct mount_config */
	struct texts masked_paths, readonly_paths;		       /* .set tells null from [] */
	int8_t init;						       /* tri */
};

struct endpoint_ipam {
	const char *ipv4_address, *ipv6_address;
	struct texts link_local_ips;
};
/* EndpointSettings as a client gives them; the result of connecting is runtime/network's. */
struct endpoint_config {
	struct endpoint_ipam *ipam_config;
	struct texts links, aliases;
	const char *mac_address;
	struct text_map driver_opts;
	int64_t gw_priority;
	const char *network_id;
};
struct networking_config {
	struct shape_map endpoints; /* name → struct endpoint_config */
};

/* Body of POST /containers/create: Config's members at top level, and these. */
struct create_request {
	struct container_config config;
	struct host_config host;
	struct networking_config networking;
};

/* OCI image configuration document (application/vnd.oci.image.config.v1+json and Docker's). */
struct image_rootfs {
	const char *type;
	struct texts diff_ids;
};
struct image_history {
	const char *created, *created_by, *author, *comment;
	bool empty_layer;
};
struct image_spec {
	const char *architecture, *variant, *os, *os_version;
	const char *created, *author, *comment, *docker_version, *parent, *container;
	struct container_config config;
	struct container_config *container_config; /* of the container it was committed from */
	struct image_rootfs rootfs;
	struct shape_array history; /* struct image_history */
};

extern const struct shape shape_container_config;
extern const struct shape shape_host_config;
extern const struct shape shape_networking_config;
extern const struct shape shape_endpoint_config;
extern const struct shape shape_create_request; /* members of shape_container_config are decoded by
						   create_request_decode */
extern const struct shape shape_health_config;
extern const struct shape shape_port_binding;
extern const struct shape shape_image_spec;

/* Decode a create body: Config at top level, HostConfig, NetworkingConfig. */
int create_request_decode(struct json_node body, struct arena *a, struct create_request *ret,
			  struct err *e) WARN_UNUSED;
/* Is there anything of a Config in the body at all? */
bool create_request_has_config(struct json_node body);

#endif
