#!/bin/sh
# What a plain Debian has, called by mmdebstrap with the new root directory: a mirror of Debian that it reaches, and one user
# who may become root by sudo without a password. Of PACKAGES nothing is installed; they are what the mirror offers.
set -eu
root=$1

# The mirror is a folder: the hosts have no network but their own.
# shellcheck disable=SC2086 # a list of package names
chroot "$root" apt-get install --yes --quiet --download-only --reinstall $PACKAGES
install -d -m 0755 "$root/srv/debian"
mv "$root"/var/cache/apt/archives/*.deb "$root/srv/debian/"
(cd "$root/srv/debian" && dpkg-scanpackages --multiversion . /dev/null >Packages)
rm -rf "$root"/etc/apt/sources.list* "$root"/var/lib/apt/lists/*
echo 'deb [trusted=yes] file:/srv/debian ./' >"$root/etc/apt/sources.list"
chroot "$root" apt-get update --quiet

chroot "$root" useradd --create-home --shell /bin/bash admin
echo 'admin ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/admin"
chmod 0440 "$root/etc/sudoers.d/admin"
systemctl --quiet --root="$root" enable ssh.service
