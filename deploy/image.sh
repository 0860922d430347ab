#!/usr/bin/env bash
# Builds the container image with whatever builder is there: docker, podman or buildah. The same commit and the same base image give the
# same files, times and labels.
#
#   deploy/image.sh [NAME:TAG]      default stomp-bridge:<version of package.json>
#
#   NODE_IMAGE    the base, best by digest; default: the Dockerfile's
#   BUILDER       docker | podman | buildah, when several are there
#   BUILDAH_BUILD_OPTIONS   further options for `buildah build`
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
image=${1:-stomp-bridge:$version}
revision=unknown source='' epoch=0
if git rev-parse --verify HEAD >/dev/null 2>&1; then
  revision=$(git rev-parse HEAD)
  epoch=$(git log -1 --format=%ct)
  git diff --quiet HEAD -- . || revision+=-dirty
  # without the password that a remote's URL may hold
  source=$(git remote get-url origin 2>/dev/null | sed 's#//[^/@]*@#//#') || source=''
fi

args=(
  --build-arg "VERSION=$version"
  --build-arg "REVISION=$revision"
  --build-arg "SOURCE=$source"
  --build-arg "SOURCE_DATE_EPOCH=$epoch"
)
[[ -n ${NODE_IMAGE:-} ]] && args+=(--build-arg "NODE_IMAGE=$NODE_IMAGE")

works() {
  case $1 in
    docker) docker info >/dev/null 2>&1 ;;
    *) command -v "$1" >/dev/null ;;
  esac
}
builder=${BUILDER:-}
for each in docker podman buildah; do
  [[ -n $builder ]] || ! works "$each" || builder=$each
done
read -ra more <<<"${BUILDAH_BUILD_OPTIONS:-}"
# `docker` format: the OCI one has no HEALTHCHECK
case $builder in
  docker) SOURCE_DATE_EPOCH=$epoch docker build "${args[@]}" -t "$image" . ;;
  podman) podman build "${args[@]}" --format docker --timestamp "$epoch" -t "$image" . ;;
  buildah) buildah build "${args[@]}" "${more[@]}" --format docker --timestamp "$epoch" -t "$image" . ;;
  *) echo 'deploy/image.sh needs docker, podman or buildah' >&2 && exit 1 ;;
esac
echo "$image: version $version, revision $revision" >&2
