# SPDX-License-Identifier: Apache-2.0
srcs-y += commit.c image_mounts.c
srcs-y += log_address.c log_attributes.c log_setup.c log_tag.c
srcs-y += archive.c archive_path.c attach.c container.c create.c device_requests.c event.c exec.c exit.c health.c health_state.c launch.c launch_bundle.c limits.c link_env.c links.c
srcs-y += launch_network.c launch_prepare.c log_options.c merge.c mount_mode.c mount_plan.c mount_tmpfs.c mounts.c names.c namespaces.c ports.c propagation.c version.c volumes.c
srcs-y += persist.c record.c remove.c restart.c restart_policy.c restore.c run.c status.c validate.c
srcs-y += changes.c changes_layers.c detach_keys.c net_dev.c pause.c sample.c top.c top_columns.c top_format.c top_parse.c top_proc.c update.c view.c
