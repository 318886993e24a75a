#!/bin/sh
# Create the Secret that deploy/kube.yaml names in podman's store, from a folder that deploy/make-secrets.sh created:
#
#   REDIS_HOST=127.0.0.1 POSTGRES_HOST=127.0.0.1 deploy/make-secrets.sh ~/darkroom-pod
#   deploy/kube-secret.sh ~/darkroom-pod [NAME]
#
# podman before 4.5 reads a Secret's values only from a JSON object; later versions accept Kubernetes' own form. In
# Kubernetes: kubectl create secret generic darkroom --from-file=FOLDER
set -eu
folder=${1:?which folder of secrets?}
name=${2:-darkroom}
version=$(podman version --format '{{.Client.Version}}')
major=${version%%.*}
minor=${version#*.}
minor=${minor%%.*}

values() { # how a line is written
  for file in "$folder"/*; do
    # shellcheck disable=SC2059
    printf "$1" "$(basename "$file")" "$(tr -d '\n' < "$file" | base64 | tr -d '\n')"
  done
}

podman secret rm "$name" >/dev/null 2>&1 || true
if [ "$major" -lt 4 ] || { [ "$major" -eq 4 ] && [ "$minor" -lt 5 ]; }; then
  printf '{%s}' "$(values '"%s":"%s",' | sed 's/,$//')" | podman secret create "$name" - >/dev/null
else
  { printf 'apiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\ndata:\n' "$name"; values '  %s: "%s"\n'; } \
    | podman kube play - >/dev/null
fi
