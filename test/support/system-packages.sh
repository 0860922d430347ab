#!/usr/bin/env bash
# Installs the system packages that the tests need, only what is missing: brokers to talk to and a browser to talk from.
# The services are not started: the tests start their own, on free ports.
set -euo pipefail

# program that must be there, Debian package that brings it
needed=(
  /usr/lib/rabbitmq/bin/rabbitmq-server rabbitmq-server
  /usr/sbin/mosquitto mosquitto
  /usr/bin/mosquitto_pub mosquitto-clients
  /usr/bin/openssl openssl
  /usr/bin/chromium chromium
  /usr/bin/caddy caddy
  /usr/bin/promtool prometheus
)

missing=()
for ((i = 0; i < ${#needed[@]}; i += 2)); do
  [[ -x ${needed[i]} ]] || missing+=("${needed[i + 1]}")
done
((${#missing[@]})) || exit 0

if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
  {
    echo "The tests need these packages (Debian's names): ${missing[*]}"
    echo "Install them, or run the tests as root on a Debian system. Without them: npm run test:unit"
  } >&2
  exit 1
fi

# Debian starts a service when its package is installed, on its usual port; exit 101 of policy-rc.d forbids it.
policy=/usr/sbin/policy-rc.d
[[ -e $policy ]] && mv "$policy" "$policy.stomp-bridge"
restore() {
  rm -f "$policy"
  if [[ -e $policy.stomp-bridge ]]; then mv "$policy.stomp-bridge" "$policy"; fi
}
trap restore EXIT
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"

export DEBIAN_FRONTEND=noninteractive
apt() { apt-get -q -o DPkg::Lock::Timeout=300 "$@"; }
# the lists of a fresh image are empty, those of an old one name versions that are gone
apt install -y --no-install-recommends "${missing[@]}" || {
  apt update
  apt install -y --no-install-recommends "${missing[@]}"
}
