#!/bin/sh
# Last step of an image build, called by mmdebstrap with the new root directory: what makes a Debian a host in a container.
set -eu
root=$1

# A terminal (its password prompts cost two inotify instances a host, of 128 that a machine has), sessions on it, what looks
# after a machine's own memory and devices, and periodic work have no place in a lab.
systemctl --quiet --root="$root" disable apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer systemd-pstore
systemctl --quiet --root="$root" mask console-getty.service getty@.service man-db.timer \
    systemd-ask-password-console.path systemd-ask-password-wall.path systemd-logind.service \
    dev-hugepages.mount sys-fs-fuse-connections.mount

# What looks for disks, terminals and the kernel's command line finds nothing in a container, but does so at each boot and
# each time that systemd reads its units anew (systemd.generator(7)). That of PostgreSQL finds a host's database clusters.
install -d "$root/etc/systemd/system-generators"
for generator in "$root"/usr/lib/systemd/system-generators/*; do
    [ "${generator##*/}" = postgresql-generator ] ||
        ln -s /dev/null "$root/etc/systemd/system-generators/${generator##*/}"
done

# Keys are made on the host that uses them, at its first boot.
rm -f "$root"/etc/ssh/ssh_host_*
cat >"$root/etc/systemd/system/host-key.service" <<'UNIT'
[Unit]
Description=Make the SSH key of this host on its first boot
Before=ssh.service
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key

[Service]
Type=oneshot
ExecStart=ssh-keygen -q -t ed25519 -N "" -f /etc/ssh/ssh_host_ed25519_key

[Install]
WantedBy=multi-user.target
UNIT
systemctl --quiet --root="$root" enable host-key.service
printf 'HostKey /etc/ssh/ssh_host_ed25519_key\nUseDNS no\n' >"$root/etc/ssh/sshd_config.d/lab.conf"

# What mmdebstrap copied from the machine, and what it left of the machine's apt settings.
rm -f "$root/etc/hostname" "$root/etc/resolv.conf" "$root/etc/machine-id" "$root/etc/apt/apt.conf.d/99mmdebstrap"

# A container's /dev is made at each boot; an archive of an image with a device in it is not unpacked anywhere.
find "$root/dev" -xdev \( -type b -o -type c \) -delete

# The image is up to date: no host need rebuild caches of /usr at its first boot (systemd-update-done.service(8)).
touch -r "$root/usr" "$root/etc/.updated" "$root/var/.updated"
