# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests stand on: private daemons, images, clients, registries, leak checks."""
