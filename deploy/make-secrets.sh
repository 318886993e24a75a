#!/bin/sh
# Makes one file a secret, named after its setting, where it is missing: what can be made up is, the rest stays blank,
# which is like not set. Nothing is ever overwritten, and nothing is printed.
#
#   deploy/make-secrets.sh [FOLDER]      deploy/secrets unless given
#
# REDIS_HOST and POSTGRES_HOST say where the servers are, if not in containers of these names.
#
# The folder is closed to everybody but its owner. The files in it are readable, because a container's user, who is
# nobody on this machine, reads them through a mount that begins at the file.
set -eu
folder=${1:-$(dirname "$0")/secrets}
mkdir -p "$folder"
chmod 0700 "$folder"

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

put() { # name, value
  if [ ! -e "$folder/$1" ]; then
    printf '%s\n' "$2" > "$folder/.$1.new"
    chmod 0444 "$folder/.$1.new"
    mv "$folder/.$1.new" "$folder/$1"
  fi
}

put redis_password "$(random)"
put postgres_password "$(random)"
put redis_url "redis://:$(cat "$folder/redis_password")@${REDIS_HOST:-redis}:6379/0"
put database_url "postgresql://darkroom:$(cat "$folder/postgres_password")@${POSTGRES_HOST:-postgres}:5432/darkroom"
put signing_key "$(random)"
put webhook_keys "$(random)"
put api_token "$(random)"
for name in api_tokens openai_api_key replicate_api_token replicate_webhook_secret supabase_service_role_key whatsapp_access_token; do
  put "$name" ""
done
