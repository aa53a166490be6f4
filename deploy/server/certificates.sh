#!/bin/sh
# Certificates for a fleet: an authority of your own, one for the broker, one for each rig.
# A rig is who its certificate says; nothing else has to be kept secret between it and the broker.
# A second authority signs those of the server's own, so that no rig's is good where they come in.
#
#   ./certificates.sh authority            once: authority.crt goes to every rig and collector
#   ./certificates.sh broker HOST…         names or addresses under which rigs reach the broker
#   ./certificates.sh client NAME          a rig: its name
#   ./certificates.sh server NAME          one of the server's own: "collector" or "watch"
#   ./certificates.sh revoke NAME          no more let in, once the broker has the new authority.crl
#
# Everything is made in the folder CERTIFICATES, or ./certificates. Keys are readable by you alone.
set -eu
umask 077
folder=${CERTIFICATES:-certificates}
case $folder in /*) ;; *) folder=$PWD/$folder ;; esac
days=${DAYS:-825}

die() { echo "certificates.sh: $*" >&2; exit "${code:-1}"; }
usage() { code=2 die "authority | broker HOST… | client NAME | server NAME | revoke NAME"; }
need_authority() {
    [ -f "$folder/authority.key" ] || die "no authority yet: run '$0 authority' first"
    configure # it names the folder, which may have moved
    [ -e "$folder/servers.key" ] || new_authority servers "cosmic-edge servers"
}
command -v openssl >/dev/null || die "needs openssl"

configure() {
    cat > "$folder/ca.cnf" <<EOF
[authority]
database = $folder/index
certificate = $folder/authority.crt
private_key = $folder/authority.key
$(common)
[servers]
database = $folder/servers.index
certificate = $folder/servers.crt
private_key = $folder/servers.key
$(common)
[any]
commonName = supplied
EOF
}
common() {
    cat <<EOF
dir = $folder
new_certs_dir = $folder/issued
rand_serial = yes
default_md = sha256
default_crl_days = 3650
unique_subject = no
policy = any
copy_extensions = copy
EOF
}

# new_authority NAME COMMON-NAME: its key, its certificate, its list of those revoked.
new_authority() {
    [ "$1" = authority ] || : > "$folder/$1.index"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 7300 -sha256 \
        -keyout "$folder/$1.key" -out "$folder/$1.crt" -subj "/CN=$2" \
        -addext "keyUsage=critical,keyCertSign,cRLSign" 2>/dev/null || die "no authority made"
    list "$1"
}

# issue AUTHORITY NAME COMMON-NAME EXTENSION…: a key of its own and a certificate signed by it.
issue() {
    authority=$1 name=$2 common=$3
    shift 3
    [ ! -e "$folder/$name.key" ] || die "$folder/$name.key is there already; move it away, or revoke it"
    set -- "$@" -addext "basicConstraints=critical,CA:FALSE"
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$folder/$name.key" \
        -out "$folder/$name.csr" -subj "/CN=$common" "$@" 2>/dev/null || die "no request for $common"
    openssl ca -batch -notext -config "$folder/ca.cnf" -name "$authority" -days "$days" -in "$folder/$name.csr" \
        -out "$folder/$name.crt" 2>"$folder/last.log" || {
        rm -f "$folder/$name.key" "$folder/$name.csr" "$folder/$name.crt"
        die "not signed: see $folder/last.log"
    }
    rm -f "$folder/$name.csr"
    echo "$folder/$name.crt  $folder/$name.key"
}

list() { openssl ca -config "$folder/ca.cnf" -name "$1" -gencrl -out "$folder/$1.crl" 2>/dev/null; }
# whose FILE: the authority that signed it.
whose() {
    if openssl verify -CAfile "$folder/servers.crt" "$1" >/dev/null 2>&1; then echo servers
    else echo authority; fi
}
check_name() {
    case $1 in
    *[!a-z0-9-]* | "") code=2 die "a name has a-z, 0-9 and - only, as in a rig's configuration" ;;
    esac
    [ ${#1} -le 64 ] || code=2 die "a name has at most 64 characters"
}

case ${1:-} in
authority)
    [ ! -e "$folder/authority.key" ] || die "$folder/authority.key is there already"
    mkdir -p "$folder/issued"
    : > "$folder/index"
    configure
    new_authority authority "cosmic-edge fleet"
    new_authority servers "cosmic-edge servers"
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
    issue authority broker "$1" -addext "subjectAltName=$names" -addext "extendedKeyUsage=serverAuth"
    ;;
client)
    need_authority
    [ $# -eq 2 ] || usage
    check_name "$2"
    # The access list knows these as users, and the last as the beginning of a collector's session.
    case $2 in
    collector | watch) code=2 die "$2 is no rig: $0 server $2" ;;
    authority | broker | servers) code=2 die "$2 is no rig's name: its files would be those of the $2" ;;
    cosmic-edge-collect-*) code=2 die "no rig is called as collectors' sessions are: $2" ;;
    esac
    issue authority "$2" "$2" -addext "extendedKeyUsage=clientAuth"
    ;;
server)
    need_authority
    [ $# -eq 2 ] || usage
    case $2 in
    collector | watch) ;;
    *) code=2 die "the access list knows collector and watch only, not '$2'" ;;
    esac
    issue servers "$2" "$2" -addext "extendedKeyUsage=clientAuth"
    ;;
revoke)
    need_authority
    [ $# -eq 2 ] || usage
    case $2 in
    authority | servers | *[!a-z0-9-]* | "") code=2 die "only the broker's and clients' can be revoked" ;;
    esac
    [ -f "$folder/$2.crt" ] || die "no certificate of $2 in $folder"
    authority=$(whose "$folder/$2.crt")
    openssl ca -config "$folder/ca.cnf" -name "$authority" -revoke "$folder/$2.crt" 2>/dev/null ||
        die "$2 is revoked already"
    mv "$folder/$2.crt" "$folder/$2.crt.revoked"
    mv "$folder/$2.key" "$folder/$2.key.revoked"
    list "$authority"
    echo "$folder/$authority.crl: give it to the broker (crlfile) and send it a SIGHUP; restart it to end a connection that is open"
    ;;
*) usage ;;
esac
