#!/bin/sh
# Test the whole deployment: build both images, run the stack, kill a worker, update under load, stop, and repeat the same
# work in a pod. Print the measurements; exit with 0 only if every task completed.
#
#   deploy/smoke.sh [compose] [pod]      default: both
#
# Needs podman and podman-compose. The base image and the servers' images come from a registry or, without one, from
# debootstrap (as root). BASE_IMAGE, REDIS_IMAGE and POSTGRES_IMAGE name other images; PIP_CERT is the certificate of a
# package index; KEEP=1 keeps the images. A Darkroom that runs on this machine is not touched: project, pod, volumes, port
# and secrets are separate.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d "${TMPDIR:-/var/tmp}/darkroom-smoke.XXXXXX")
log="$work/log"
token="$work/secrets/api_token"

export COMPOSE_PROJECT_NAME=darkroom-smoke AI_MOCK_MODE=true HTTP_BIND=127.0.0.1 HTTP_PORT=18080 MOCK_LATENCY_S=2
export FETCH_ALLOWED_NETWORKS=10.0.0.0/8 SECRETS_FOLDER="$work/secrets" ENV_FILE="$work/env"
export PUBLIC_URL="http://127.0.0.1:$HTTP_PORT"
image=localhost/darkroom-smoke:1
newer=localhost/darkroom-smoke:2
small=localhost/darkroom-smoke-worker:1

say() { printf '%s  %s\n' "$(date -u +%T)" "$*"; }
fail() {
  say "FAILED: $*"
  tail -n 40 "$log" >&2
  exit 1
}
quietly() { "$@" >> "$log" 2>&1; }
seconds() { echo $(($(date +%s) - $1)); }

clean() {
  code=$?
  trap - EXIT INT TERM
  say "cleaning up"
  quietly podman rm --force --time 0 darkroom-smoke-pictures || true
  quietly podman kube down "$work/kube.yaml" || true
  quietly podman-compose down --volumes --remove-orphans || true
  for name in $(podman ps --all --quiet --filter label=io.podman.compose.project=$COMPOSE_PROJECT_NAME); do
    quietly podman rm --force --time 0 "$name" || true
  done
  for name in $(podman volume ls --quiet | grep '^darkroom-smoke[-_]'); do quietly podman volume rm "$name" || true; done
  quietly podman secret rm darkroom-smoke || true
  quietly podman network rm darkroom-smoke_inside || true
  [ -n "${KEEP:-}" ] || quietly podman rmi --force $image $newer $small || true
  if [ "$code" != 0 ]; then say "the log: $log"; else rm -rf "$work"; fi
  exit "$code"
}
trap clean EXIT INT TERM

prepare() {
  for program in podman podman-compose python3; do
    command -v $program >/dev/null || { echo "deploy/smoke.sh needs $program." >&2; exit 2; }
  done
  # Without systemd, podman needs another cgroup manager.
  if [ -z "${CONTAINERS_CONF:-}" ] && [ ! -d /run/systemd/system ] && command -v runc >/dev/null; then
    cat > "$work/containers.conf" <<'END'
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=16384:16384"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
END
    export CONTAINERS_CONF="$work/containers.conf"
  fi
}

# The base image: BASE_IMAGE, the one that the Containerfile names, or one built here.
find_base() {
  if [ -n "${BASE_IMAGE:-}" ]; then return; fi
  BASE_IMAGE=$(sed -n 's/^ARG BASE_IMAGE=//p' Containerfile)
  if podman image exists "$BASE_IMAGE" || quietly podman pull --quiet "$BASE_IMAGE"; then return; fi
  BASE_IMAGE=localhost/darkroom-smoke-base:latest
  if podman image exists $BASE_IMAGE; then return; fi
  command -v debootstrap >/dev/null || fail "no registry can be reached, and there is no debootstrap"
  say "no registry can be reached: making a Debian"
  quietly debootstrap --variant=minbase trixie "$work/debian" || fail "debootstrap"
  tar -C "$work/debian" -c --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' --exclude='./usr/share/doc/*' \
    --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' --exclude='./var/log/*' . \
    | quietly podman import --change 'CMD ["bash"]' - $BASE_IMAGE
  rm -rf "$work/debian"
}

find_servers() {
  for pair in redis:REDIS_IMAGE postgres:POSTGRES_IMAGE; do
    service=${pair%%:*} variable=${pair##*:}
    named=$(eval "echo \${$variable:-}")
    [ -n "$named" ] || named=$(sed -n "s/.*\${$variable:-\(.*\)}.*/\1/p" podman-compose.yml)
    if ! podman image exists "$named" && ! quietly podman pull --quiet "$named"; then
      named=localhost/darkroom-smoke-$service:latest
      if ! podman image exists "$named"; then
        say "making an image for $service"
        quietly podman build --format docker --build-arg BASE_IMAGE="$BASE_IMAGE" --target "$service" --tag "$named" \
          deploy/smoke || fail "building $service"
      fi
    fi
    eval "export $variable=$named"
  done
}

build() { # target, tag, version
  started=$(date +%s)
  set -- "$1" "$2" --build-arg BASE_IMAGE="$BASE_IMAGE" --build-arg VERSION="$3"
  if [ -n "${PIP_CERT:-}" ]; then
    printf '[global]\ncert = /run/build-ca.crt\n' > "$work/pip.conf"
    set -- "$@" -v "$PIP_CERT:/run/build-ca.crt:ro" -v "$work/pip.conf:/etc/pip.conf:ro"
  fi
  target=$1 tag=$2
  shift 2
  quietly podman build --format docker --target "$target" --tag "$tag" "$@" . || fail "building $target"
  size=$(podman image inspect --format '{{.Size}}' "$tag")
  say "built $target in $(seconds "$started") s: $((size / 1000000)) MB"
}

smaller() { # tag, MB
  [ "$(podman image inspect --format '{{.Size}}' "$1")" -lt $(($2 * 1000000)) ] || fail "$1 is larger than $2 MB"
}

pictures() { # podman run options
  quietly podman run --detach --name darkroom-smoke-pictures --workdir /tmp "$@" $image python -c "
from http.server import SimpleHTTPRequestHandler, test
from PIL import Image
for name in ('person.jpg', 'outfit.jpg'):
    Image.effect_noise((900, 1200), 60).convert('RGB').save(name)
test(SimpleHTTPRequestHandler, port=8080)
" || fail "serving pictures"
}

ready() {
  deadline=$(($(date +%s) + 240))
  until python3 -c "
import json, sys, urllib.request
health = json.load(urllib.request.urlopen('$PUBLIC_URL/health', timeout=5))
sys.exit(health['status'] != 'ok' or not health['size_rec_model_loaded'])" 2>/dev/null; do
    [ "$(date +%s)" -lt $deadline ] || return 1
    sleep 1
  done
}

sql() { # container, statement
  podman exec --env "PGPASSWORD=$(cat "$work/secrets/postgres_password")" "$1" \
    psql --quiet --no-align --tuples-only --host 127.0.0.1 --username darkroom --command "$2"
}

drive() { # where workers find the pictures, options
  at=$1
  shift
  python3 deploy/smoke/drive.py --url "$PUBLIC_URL" --token-file "$token" --pictures "$at" "$@"
}

# Every order was charged once, and every order that did not complete was refunded once.
accounts() { # database container
  sql "$1" "select count(*) || ' sessions, ' || count(*) filter (where status = 'completed') || ' completed, balance ' ||
    (select balance from user_credits where user_id = 'smoke') from generation_sessions"
  [ "$(sql "$1" "select 1000 - balance = (select count(*) from generation_sessions where status = 'completed')
    and not exists (select from generation_sessions where status not in ('completed', 'failed'))
    from user_credits where user_id = 'smoke'")" = t ] || fail "balances and ledger do not add up"
}

checks() { # container, role
  quietly podman healthcheck run "$1" || fail "$1 is not healthy"
}

in_compose() {
  deploy/make-secrets.sh "$work/secrets"
  started=$(date +%s)
  DARKROOM_IMAGE=$image quietly podman-compose up --detach --no-build || fail "podman-compose up"
  ready || fail "the stack did not get ready"
  say "up and ready in $(seconds "$started") s"
  database=darkroom-smoke_postgres_1
  pictures --network darkroom-smoke_inside --network-alias pictures
  sql $database "insert into user_credits (user_id, balance) values ('smoke', 1000)"
  sleep 3
  for service in worker-generate worker-pixels worker-rest scheduler http redis postgres; do
    checks "darkroom-smoke_${service}_1"
  done
  say "every container's own health check passes"

  say "20 tasks from outside: $(drive http://pictures:8080 || fail "20 tasks")"

  drive http://pictures:8080 > "$work/killed" &
  driver=$!
  sleep 3
  # Kill the process as the kernel would: after `podman kill`, podman does not restart the container.
  kill -9 "$(podman inspect --format '{{.State.Pid}}' darkroom-smoke_worker-generate_1)"
  wait $driver || fail "20 tasks with a killed worker: $(cat "$work/killed")"
  say "20 tasks, worker-generate killed after 3 s: $(cat "$work/killed")"
  say "restarts of worker-generate: $(podman inspect --format '{{.RestartCount}}' darkroom-smoke_worker-generate_1)"

  drive http://pictures:8080 --tasks 40 --spread 60 --within 240 > "$work/updated" &
  driver=$!
  sleep 5
  started=$(date +%s)
  quietly deploy/update.sh $newer || fail "the update"
  took=$(seconds "$started")
  wait $driver || fail "40 tasks during an update: $(cat "$work/updated")"
  say "40 tasks during an update of $took s: $(cat "$work/updated")"

  if quietly env HEALTHY_WITHIN=60 deploy/update.sh $small; then fail "an image without MediaPipe passed as the HTTP service"; fi
  [ "$(podman inspect --format '{{.ImageName}}' darkroom-smoke_http_1)" = $newer ] || fail "the rollback"
  ready || fail "the rollback did not get ready"
  say "an update to an image that can't serve was rolled back automatically"
  say "the accounts: $(accounts $database)"

  started=$(date +%s)
  quietly podman rm --force --time 0 darkroom-smoke-pictures
  quietly podman-compose down --volumes --remove-orphans || fail "podman-compose down"
  say "down in $(seconds "$started") s"
}

in_pod() {
  rm -rf "$work/secrets"
  REDIS_HOST=127.0.0.1 POSTGRES_HOST=127.0.0.1 deploy/make-secrets.sh "$work/secrets"
  quietly deploy/kube-secret.sh "$work/secrets" darkroom-smoke || fail "the pod's Secret"
  sed -e 's/name: darkroom\([,}]\|$\)/name: darkroom-smoke\1/' -e 's/claimName: darkroom-/claimName: darkroom-smoke-/' \
    -e "s|image: localhost/darkroom:latest|image: $image|" -e "s|image: .*/valkey:.*|image: $REDIS_IMAGE|" \
    -e "s|image: .*/postgres:.*|image: $POSTGRES_IMAGE|" -e "s/hostPort: 8000/hostPort: $HTTP_PORT/" \
    -e "s|PUBLIC_URL: .*|PUBLIC_URL: $PUBLIC_URL|" \
    -e 's|AI_MOCK_MODE: .*|&\n  FETCH_ALLOWED_NETWORKS: 127.0.0.0/8|' deploy/kube.yaml > "$work/kube.yaml"
  started=$(date +%s)
  quietly podman kube play "$work/kube.yaml" || fail "podman kube play"
  ready || fail "the pod did not get ready"
  say "the pod is up and ready in $(seconds "$started") s"
  pictures --pod darkroom-smoke
  database=darkroom-smoke-postgres
  sql $database "insert into user_credits (user_id, balance) values ('smoke', 1000)"
  sleep 3
  say "20 tasks from outside, in the pod: $(drive http://127.0.0.1:8080 || fail "20 tasks in the pod")"
  say "the accounts: $(accounts $database)"
  started=$(date +%s)
  quietly podman rm --force --time 0 darkroom-smoke-pictures
  quietly podman kube down "$work/kube.yaml" || fail "podman kube down"
  say "the pod is down in $(seconds "$started") s"
}

prepare
say "$(podman --version), podman-compose $(podman-compose --version 2>/dev/null | sed -n 's/^podman-compose version //p')"
find_base
find_servers
say "on $BASE_IMAGE, $REDIS_IMAGE, $POSTGRES_IMAGE"
build worker $small 1
smaller $small 350
build full $image 1
smaller $image 1200
# The same image with another label, and so with another id.
build full $newer 2
[ $# -gt 0 ] || set -- compose pod
for part in "$@"; do "in_$part"; done
say "everything passed"
