#!/bin/sh
# Install the units on a systemd host, as root: secrets into podman's store, settings into /etc/darkroom, units where
# systemd finds them. Run it again after a change; existing settings are kept.
#
#   deploy/quadlet/install.sh [FOLDER OF SECRETS]      default: deploy/secrets
set -eu
here=$(dirname "$0")
secrets=${1:-$here/../secrets}
"$here/../make-secrets.sh" "$secrets"
for file in "$secrets"/*; do
  name=darkroom_$(basename "$file")
  podman secret rm "$name" >/dev/null 2>&1 || true
  podman secret create "$name" "$file" >/dev/null
done
install -d -m 0755 /etc/darkroom /etc/containers/systemd
[ -e /etc/darkroom/darkroom.env ] || install -m 0644 "$here/darkroom.env" /etc/darkroom/darkroom.env
install -m 0644 "$here"/*.container "$here"/*.network "$here"/*.volume /etc/containers/systemd/
systemctl daemon-reload
echo "Start it: systemctl start darkroom-redis darkroom-postgres darkroom-migrate darkroom-worker-rest \\"
echo "  darkroom-worker-pixels darkroom-worker-generate@1 darkroom-scheduler darkroom-http"
