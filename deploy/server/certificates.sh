#!/bin/sh
# Certificates for a fleet: an authority of your own, one for the broker, one for each rig.
# A rig is who its certificate says; nothing else has to be kept secret between it and the broker.
#
#   ./certificates.sh authority            once: authority.crt goes to every rig and collector
#   ./certificates.sh broker HOST…         names or addresses under which rigs reach the broker
#   ./certificates.sh client NAME          a rig (its name), or "collector"
#   ./certificates.sh revoke NAME          no more let in, once the broker has the new authority.crl
#
# Everything is made in the folder CERTIFICATES, or ./certificates. Keys are readable by you alone.
set -eu
umask 077
folder=${CERTIFICATES:-certificates}
case $folder in /*) ;; *) folder=$PWD/$folder ;; esac
days=${DAYS:-825}

die() { echo "certificates.sh: $*" >&2; exit "${code:-1}"; }
usage() { code=2 die "authority | broker HOST… | client NAME | revoke NAME"; }
need_authority() {
    [ -f "$folder/authority.key" ] || die "no authority yet: run '$0 authority' first"
    configure # it names the folder, which may have moved
}
command -v openssl >/dev/null || die "needs openssl"

configure() {
    cat > "$folder/ca.cnf" <<EOF
[ca]
default_ca = fleet
[fleet]
dir = $folder
database = $folder/index
new_certs_dir = $folder/issued
rand_serial = yes
certificate = $folder/authority.crt
private_key = $folder/authority.key
default_md = sha256
default_crl_days = 3650
unique_subject = no
policy = any
copy_extensions = copy
[any]
commonName = supplied
EOF
}

# issue NAME COMMON-NAME EXTENSION…: a key of its own and a certificate signed by the authority.
issue() {
    name=$1 common=$2
    shift 2
    [ ! -e "$folder/$name.key" ] || die "$folder/$name.key is there already; move it away, or revoke it"
    set -- "$@" -addext "basicConstraints=critical,CA:FALSE"
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$folder/$name.key" \
        -out "$folder/$name.csr" -subj "/CN=$common" "$@" 2>/dev/null || die "no request for $common"
    openssl ca -batch -notext -config "$folder/ca.cnf" -days "$days" -in "$folder/$name.csr" \
        -out "$folder/$name.crt" 2>"$folder/last.log" || {
        rm -f "$folder/$name.key" "$folder/$name.csr" "$folder/$name.crt"
        die "not signed: see $folder/last.log"
    }
    rm -f "$folder/$name.csr"
    echo "$folder/$name.crt  $folder/$name.key"
}

list() { openssl ca -config "$folder/ca.cnf" -gencrl -out "$folder/authority.crl" 2>/dev/null; }

case ${1:-} in
authority)
    [ ! -e "$folder/authority.key" ] || die "$folder/authority.key is there already"
    mkdir -p "$folder/issued"
    : > "$folder/index"
    configure
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 7300 -sha256 \
        -keyout "$folder/authority.key" -out "$folder/authority.crt" -subj "/CN=cosmic-edge fleet" \
        -addext "keyUsage=critical,keyCertSign,cRLSign" 2>/dev/null || die "no authority made"
    list
    echo "$folder/authority.crt"
    ;;
broker)
    need_authority
    [ $# -ge 2 ] || usage
    shift
    names=
    for host in "$@"; do
        case $host in
        *[!0-9a-zA-Z.:-]*) die "$host is no host name or address" ;;
        *:* | [0-9]*.[0-9]*.[0-9]*.[0-9]*) names="$names${names:+,}IP:$host" ;;
        *) names="$names${names:+,}DNS:$host" ;;
        esac
    done
    issue broker "$1" -addext "subjectAltName=$names" -addext "extendedKeyUsage=serverAuth"
    ;;
client)
    need_authority
    [ $# -eq 2 ] || usage
    case $2 in
    *[!a-z0-9-]* | "") code=2 die "a rig's name has a-z, 0-9 and - only, as in its configuration" ;;
    esac
    [ ${#2} -le 64 ] || code=2 die "a rig's name has at most 64 characters"
    issue "$2" "$2" -addext "extendedKeyUsage=clientAuth"
    ;;
revoke)
    need_authority
    [ $# -eq 2 ] || usage
    case $2 in
    authority | *[!a-z0-9-]* | "") code=2 die "only the broker's and clients' can be revoked" ;;
    esac
    [ -f "$folder/$2.crt" ] || die "no certificate of $2 in $folder"
    openssl ca -config "$folder/ca.cnf" -revoke "$folder/$2.crt" 2>/dev/null || die "$2 is revoked already"
    mv "$folder/$2.crt" "$folder/$2.crt.revoked"
    mv "$folder/$2.key" "$folder/$2.key.revoked"
    list
    echo "$folder/authority.crl: give it to the broker (crlfile) and send it a SIGHUP; restart it to end a connection that is open"
    ;;
*) usage ;;
esac
