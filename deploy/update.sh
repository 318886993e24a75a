#!/bin/sh
# Replace the running image, one service after another, without losing a task; roll back if the new image does not become
# healthy. The schema is migrated first and only grows, so that the old workers run with the new schema meanwhile.
#
#   deploy/update.sh IMAGE
#
# A worker that stops finishes its running jobs or requeues them; waiting jobs wait for the new worker. The HTTP service
# is unavailable for the seconds in which it is replaced. COMPOSE_ARGS is passed on (`-f …` for Supabase); HEALTHY_WITHIN is
# the number of seconds in which the new image must become healthy (180). The image that runs in the end is written to
# `.env` (ENV_FILE). A container that has not stopped after STOP_GRACE seconds (40; from the environment or ENV_FILE, as for
# podman-compose.yml) is killed.
set -eu
cd "$(dirname "$0")/.."
image=${1:?which image?}
project=${COMPOSE_PROJECT_NAME:-darkroom}
export COMPOSE_PROJECT_NAME="$project"
stop_grace=${STOP_GRACE:-$(cat "${ENV_FILE:-.env}" 2>/dev/null | sed -n 's/^STOP_GRACE=//p' | tail -n 1)}
stop_grace=${stop_grace:-40}
stop_grace=${stop_grace%s}
case $stop_grace in
  *[!0-9]*)
    echo "STOP_GRACE must be whole seconds, such as 40s." >&2
    exit 2
    ;;
esac
workers="worker-rest worker-pixels worker-generate scheduler"

# shellcheck disable=SC2086
compose() { podman-compose ${COMPOSE_ARGS:-} "$@" >/dev/null; }

containers() { # service
  podman ps --all --quiet --filter "label=io.podman.compose.project=$project" \
    --filter "label=com.docker.compose.service=$1"
}

replace() { # service
  old=$(containers "$1")
  count=$(printf '%s' "$old" | grep -c . || true)
  if [ -n "$old" ]; then
    # shellcheck disable=SC2086
    podman stop --time "$stop_grace" $old >/dev/null 2>&1 || true
    # shellcheck disable=SC2086
    podman rm --force $old >/dev/null 2>&1 || true
  fi
  [ "$count" -gt 0 ] || count=1
  compose up --detach --no-build --scale "$1=$count" "$1"
}

healthy() { # service, role
  for container in $(containers "$1"); do
    podman exec "$container" python -m commands.healthcheck "$2" >/dev/null 2>&1 || return 1
  done
}

all_healthy() {
  healthy worker-rest worker && healthy worker-pixels worker && healthy worker-generate worker \
    && healthy scheduler scheduler && healthy http http
}

run() { # image
  export DARKROOM_IMAGE="$1"
  echo "$(date -u +%FT%TZ) to $1"
  replace migrate
  migrate=$(containers migrate)
  # shellcheck disable=SC2086
  [ -z "$migrate" ] || [ "$(timeout "${HEALTHY_WITHIN:-180}" podman wait $migrate 2>/dev/null)" = 0 ] || return 1
  for service in $workers http; do
    replace "$service"
    echo "$(date -u +%FT%TZ) replaced $service"
  done
  deadline=$(($(date +%s) + ${HEALTHY_WITHIN:-180}))
  until all_healthy; do
    [ "$(date +%s)" -lt "$deadline" ] || return 1
    sleep 2
  done
}

remember() { # image
  file=${ENV_FILE:-.env}
  touch "$file"
  { grep -v '^DARKROOM_IMAGE=' "$file" || true; echo "DARKROOM_IMAGE=$1"; } > "$file.new"
  chmod 0600 "$file.new"
  mv "$file.new" "$file"
}

running=$(containers http | head -n 1)
previous=$([ -z "$running" ] || podman inspect --format '{{.ImageName}}' "$running")
podman image exists "$image" || podman pull --quiet "$image" >/dev/null
if run "$image"; then
  remember "$image"
  echo "$image is healthy."
elif [ -z "$previous" ]; then
  echo "$image did not get healthy, and there is none to go back to." >&2
  exit 1
else
  echo "$image did not get healthy: going back to $previous." >&2
  if run "$previous"; then
    echo "$previous is healthy again." >&2
  else
    echo "$previous is not healthy either: look at \`make logs\`." >&2
  fi
  exit 1
fi
