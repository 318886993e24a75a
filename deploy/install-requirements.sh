#!/bin/sh
# Install the exact versions of a requirements file into a virtual environment, checked by hash, without resolving.
#
#   deploy/install-requirements.sh .venv/bin/python requirements.txt
#
# pip's resolver considers newer versions than those in the file, and then refuses the file because of a new release.
# uv takes a third of pip's time, but does not read pip's configuration; only the address of the index is passed on.
# Where uv fails, pip installs the same file with the same checks.
set -eu
python=$1
requirements=$2
root=$(dirname "$0")/..

pip_install() {
  "$python" -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes "$@"
}

uv_install() {
  pip_install --only-binary=:all: -r "$root/requirements-uv.txt" || return 1
  index=$("$python" -m pip config list | sed -n "s/^[^ ]*\.index-url='\(.*\)'$/\1/p" | head -n 1)
  if [ -n "$index" ]; then export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"; fi
  UV_SYSTEM_CERTS=true "$(dirname "$python")/uv" pip install --quiet --python "$python" --no-deps --require-hashes \
    --build-constraints "$root/requirements-build.txt" -r "$requirements"
}

if ! uv_install; then
  echo "uv could not install $requirements, for the reason above. Installing it with pip, which takes longer." >&2
  pip_install --only-binary=:all: -r "$root/requirements-build.txt"
  pip_install --no-build-isolation -r "$requirements"
fi
# MediaPipe's wheel is named for every Python and for manylinux, but its metadata says cp39 and linux; pip 24.2 and later
# report that.
known="mediapipe 0.10.31 is not supported on this platform"
conflicts=$("$python" -m pip check) || [ "$conflicts" = "$known" ] || { echo "$conflicts" >&2; exit 1; }
