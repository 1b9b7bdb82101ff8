#!/bin/sh
# Installs the Debian packages of the file given whose program is absent. Needs root and apt.
set -eu
missing=$(sed 's/#.*//' "$1" | while read -r program package; do
    [ -n "$program" ] || continue
    command -v "$program" >/dev/null 2>&1 || [ -x "/usr/sbin/$program" ] ||
        ls /usr/lib/postgresql/*/bin/"$program" >/dev/null 2>&1 || echo "$package"
done)
if [ -z "$missing" ]; then
    echo "nothing to install"
    exit 0
fi
echo "installing:" $missing
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086  # one word a package
apt-get install -y -qq --no-install-recommends $missing
