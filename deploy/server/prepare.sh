#!/bin/sh
# Makes what compose.yaml reads as secrets: an authority, the certificates of the broker, of the
# collectors and of the watch, and passwords. What is there already stays as it is.
#
#   sudo ./prepare.sh HOST…      names or addresses under which rigs reach the broker
#
# Certificates are made in the folder CERTIFICATES, or ./certificates; keep authority.key elsewhere,
# off this machine, once the rigs' certificates are made. Secrets go to SECRETS, or ./secrets, each
# readable by the user of its container alone.
set -eu
umask 077
here=$(cd "$(dirname "$0")" && pwd)
CERTIFICATES=${CERTIFICATES:-$here/certificates}
secrets=${SECRETS:-$here/secrets}
export CERTIFICATES

# Users inside the images: mosquitto's, PostgreSQL's, Grafana's, and the one of our Dockerfile.
broker=1883 database=999 grafana=472 ours=10001

die() { echo "prepare.sh: $*" >&2; exit "${code:-1}"; }
[ $# -ge 1 ] || code=2 die "name the host as rigs know it: $0 broker.example.org"
command -v openssl >/dev/null || die "needs openssl"

make() {
    name=$1
    shift
    [ -e "$CERTIFICATES/$name.crt" ] || "$here/certificates.sh" "$@" >/dev/null
}
make authority authority
# `broker` is its name inside the server, `localhost` without Docker.
make broker broker "$@" broker localhost
# Older ones, by the authority that signs rigs', are no longer let in.
for name in collector watch; do
    made=$CERTIFICATES/$name
    if [ -e "$made.crt" ] && ! openssl verify -CAfile "$CERTIFICATES/servers.crt" "$made.crt" >/dev/null 2>&1; then
        "$here/certificates.sh" revoke $name >/dev/null
    fi
    make $name server $name
done

# put OWNER NAME: standard input becomes a secret.
put() {
    cat > "$secrets/$2.new"
    chmod 0400 "$secrets/$2.new"
    if [ "$(id -u)" = 0 ]; then chown "$1:$1" "$secrets/$2.new"; fi
    mv "$secrets/$2.new" "$secrets/$2"
}
# keep OWNER NAME: the same, unless it is there.
keep() { if [ -e "$secrets/$2" ]; then cat >/dev/null; else put "$1" "$2"; fi; }
password() { openssl rand -hex 24; }

mkdir -p "$secrets"
# Each container has to pass through to its own.
chmod 0711 "$secrets"
put $broker broker.crt < "$CERTIFICATES/broker.crt"
put $broker broker.key < "$CERTIFICATES/broker.key"
put $broker broker-authority.crt < "$CERTIFICATES/authority.crt"
put $broker servers.crt < "$CERTIFICATES/servers.crt"
# Written in place when somebody is revoked: the container must see the same file.
for name in authority servers; do
    cat "$CERTIFICATES/$name.crl" > "$secrets/$name.crl"
    chmod 0644 "$secrets/$name.crl"
done
put $ours authority.crt < "$CERTIFICATES/authority.crt"
for name in collector watch; do
    put $ours $name.crt < "$CERTIFICATES/$name.crt"
    put $ours $name.key < "$CERTIFICATES/$name.key"
done
password | keep $database database-password
printf '*:*:*:*:%s\n' "$(cat "$secrets/database-password")" | keep $ours database-passfile
password | keep $grafana grafana-password

[ "$(id -u)" = 0 ] || echo "prepare.sh: not root, so the secrets are yours: run it with sudo, or" \
    "give them to $broker (broker.*, broker-authority.crt, servers.crt), $database (database-password)," \
    "$grafana (grafana-password) and $ours (all others)" >&2
echo "$secrets"
