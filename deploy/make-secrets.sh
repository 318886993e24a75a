#!/bin/sh
# Create a file for each secret that is missing, named after its setting: passwords and keys are generated, the rest stay
# blank, which counts as unset. Existing files are never overwritten, and nothing is printed.
#
#   deploy/make-secrets.sh [FOLDER]      default: deploy/secrets
#
# REDIS_HOST and POSTGRES_HOST are the servers' hosts, by default containers named redis and postgres.
#
# Only the owner can enter the folder. The files themselves are world-readable, because a container's user, which has no
# account on this machine, reads them through a mount of the single file.
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
put redis_producer_password "$(random)"
put postgres_password "$(random)"
put redis_url "redis://:$(cat "$folder/redis_password")@${REDIS_HOST:-redis}:6379/0"
put database_url "postgresql://darkroom:$(cat "$folder/postgres_password")@${POSTGRES_HOST:-postgres}:5432/darkroom"
put signing_key "$(random)"
put webhook_keys "$(random)"
put api_token "$(random)"
for name in api_tokens openai_api_key replicate_api_token openai_compatible_api_key gemini_api_key fashn_api_key fal_key replicate_webhook_secret supabase_service_role_key whatsapp_access_token; do
  put "$name" ""
done
