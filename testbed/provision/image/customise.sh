#!/bin/sh
# Puts the lab's environment of mecai into the image, called by mmdebstrap with the new root directory.
# WHEELHOUSE holds wheels for the hosts' Python, REQUIREMENTS pins them by hash.
set -eu
root=$1

install -d -m 0755 "$root/opt/mecai/wheelhouse"
install -m 0644 "$WHEELHOUSE"/*.whl "$root/opt/mecai/wheelhouse/"
install -m 0644 "$REQUIREMENTS" "$root/opt/mecai/requirements.txt"
chroot "$root" python3 -m venv /opt/mecai/venv
chroot "$root" env PIP_CONFIG_FILE=/dev/null PIP_FIND_LINKS= /opt/mecai/venv/bin/python -m pip install --quiet \
    --disable-pip-version-check --no-cache-dir --no-index --find-links /opt/mecai/wheelhouse \
    --no-deps --require-hashes --requirement /opt/mecai/requirements.txt
chroot "$root" /opt/mecai/venv/bin/python -m pip --disable-pip-version-check check

# Roles enable what a host needs; nothing starts by itself.
systemctl --quiet --root="$root" disable bird dovecot knot nginx postfix postgresql ssh.service ssh.socket unbound

# The package makes a database cluster, whose files would be every host's; a host that wants one makes its own.
[ ! -e "$root/etc/postgresql/17/main" ] || chroot "$root" pg_dropcluster 17 main

# No host has a key that others have, too.
find "$root/etc/ssl" "$root/etc/dovecot/private" -name 'ssl-cert-snakeoil.*' -delete -o -name 'dovecot.*' -delete
