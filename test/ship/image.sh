#!/usr/bin/env bash
# Builds the image for real with buildah and runs it: read-only, as its own user, with its own command; asks it whether it lives, stops it, and
# builds it once more to see the same layers again. For a person, as root, where no container engine runs; takes about a minute. `npm test`
# checks the same tree in the same way without a builder: test/ship/image.test.ts.
#
#   apt-get install buildah
#   test/ship/image.sh
#
# Where the base image cannot be pulled, a stand-in takes its place: the Node of node_modules, this machine's npm, shell, find, chmod, touch and
# libraries, and nothing else. So what is shown is the Dockerfile's own work, not Debian's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

work=$(mktemp -d)
image=localhost/stomp-bridge:test
container=
# vfs and chroot need neither a kernel module nor an init system
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot BUILDER=buildah
# shellcheck disable=SC2329 # called by the trap
cleanup() {
  if [[ -n $container ]]; then buildah rm "$container" >/dev/null || true; fi
  rm -rf "$work"
}
trap cleanup EXIT

# the base of the Dockerfile, made from this machine
stand_in() {
  local root=$work/root program name
  mkdir -p "$root"/{bin,etc/ssl/certs,tmp,proc,dev,root,home/node,usr/{bin,local/bin,local/lib/node_modules}}
  chmod 1777 "$root/tmp"
  printf 'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n' >"$root/etc/passwd"
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  cp -L node_modules/node/bin/node "$root/usr/local/bin/node"
  cp -rL "$(dirname "$(readlink -f "$(command -v npm)")")/.." "$root/usr/local/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
  for name in sh env find chmod touch uname; do cp -L "$(command -v "$name")" "$root/usr/bin/"; done
  ln -s ../usr/bin/sh "$root/bin/sh"
  for program in "$root"/usr/bin/* "$root/usr/local/bin/node"; do
    ldd "$program" | grep -o '/[^ ]*' | while read -r name; do
      mkdir -p "$root$(dirname "$name")" && cp -nL "$name" "$root$name"
    done
  done
  # which registry, and behind which proxy
  npm config get registry | sed 's/^/registry=/' >"$root/root/.npmrc"
  {
    echo 'FROM scratch'
    echo 'COPY root/ /'
    echo 'ENV PATH=/usr/local/bin:/usr/bin:/bin NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt'
  } >"$work/Containerfile"
  buildah build -q --format docker --timestamp 0 -t localhost/node-stand-in -f "$work/Containerfile" "$work" >/dev/null
}

if [[ -z ${NODE_IMAGE:-} ]]; then
  base=$(sed -n 's/^ARG NODE_IMAGE=//p' Dockerfile)
  if timeout 20 buildah pull -q "docker.io/library/$base" >/dev/null 2>&1; then
    NODE_IMAGE=docker.io/library/$base
  else
    echo "no $base to be had: a stand-in" && stand_in && NODE_IMAGE=localhost/node-stand-in
  fi
  export NODE_IMAGE
fi

id() { buildah inspect --type image --format '{{.FromImageID}}' "$image"; }
layers() { buildah inspect --type image --format '{{range .OCIv1.RootFS.DiffIDs}}{{.}} {{end}}' "$image"; }
export BUILDAH_BUILD_OPTIONS='--no-cache --network host -q'
time deploy/image.sh "$image"
first=$(layers) first_id=$(id)
time deploy/image.sh "$image"
echo "layers: $first"
echo "images: $first_id $(id)"
[[ $first == "$(layers)" ]] || { echo 'the second build has other layers' && exit 1; }
# shellcheck disable=SC2016 # a template of Go
buildah inspect --type image --format '{{range $k, $v := .Docker.Config.Labels}}{{$k}}={{$v}}
{{end}}user {{.Docker.Config.User}}, health check {{.Docker.Config.Healthcheck}}, entry point {{.Docker.Config.Entrypoint}}' "$image"

container=$(buildah from --pull-never "$image")
root=$(buildah mount "$container")
echo "files: $(find "$root/app" -type f | wc -l), $(du -sh "$root/app" | cut -f1); newest $(find "$root/app" -printf '%TY-%Tm-%Td %TT\n' | sort | tail -1)"
echo "writable for the user: $(find "$root/app" ! -type l \( -perm -o=w -o -uid 1000 \) -printf x | wc -c)"

# free ports, and clients without a login: this is a test
free_port() { node_modules/node/bin/node -e "const s = require('net').createServer().listen(0, '127.0.0.1', () => { console.log(s.address().port); s.close() })"; }
run=(buildah run --network host --env "STOMP_BRIDGE_LISTEN_PORT=$(free_port)" --env "STOMP_BRIDGE_OPS_PORT=$(free_port)"
  --env STOMP_BRIDGE_LISTEN_HOST=127.0.0.1 --env STOMP_BRIDGE_OPS_HOST=127.0.0.1 "$container" --)
"${run[@]}" node dist/main.js --version
"${run[@]}" node dist/main.js >"$work/log" 2>&1 &
buildah_run=$!
for ((i = 0; i < 100; i++)); do
  "${run[@]}" node dist/main.js healthcheck >/dev/null 2>&1 && break
  sleep 0.1
done
"${run[@]}" node dist/main.js healthcheck && echo 'healthcheck: alive'
# the bridge is the last of the processes below the one that was started here
bridge=$buildah_run
while child=$(pgrep -P "$bridge" | head -1) && [[ -n $child ]]; do bridge=$child; done
ps -o uid=,args= -p "$bridge"
kill -TERM "$bridge"
status=0 && wait "$buildah_run" || status=$?
cat "$work/log"
echo "SIGTERM: exit $status"
((status == 0))
