#!/bin/sh
# Prints the Secret that deploy/kube.yaml mounts, from a folder that deploy/make-secrets.sh made for one pod:
#
#   REDIS_HOST=127.0.0.1 POSTGRES_HOST=127.0.0.1 deploy/make-secrets.sh ~/darkroom-secrets
#   deploy/kube-secret.sh ~/darkroom-secrets | podman kube play -
set -eu
folder=${1:?which folder of secrets?}
cat <<END
apiVersion: v1
kind: Secret
metadata:
  name: darkroom
type: Opaque
data:
END
for file in "$folder"/*; do
  printf '  %s: %s\n' "$(basename "$file")" "$(tr -d '\n' < "$file" | base64 | tr -d '\n')"
done
