#!/bin/sh
# Installs the sidecar beside this script, or upgrades it. Run it as often as you like: settings are kept.
#
#     sudo ./install.sh                  into this machine
#     ./install.sh --root DIR            into a folder that stands for the machine's /; no users, no systemctl
#     ./install.sh --node /path/to/node  with this Node (22.18 or newer) instead of the first one on PATH
#
# It makes: the user parley, /opt/parley-sidecar, /etc/parley/sidecar.env, a systemd unit, a file for sysctl.
set -eu

root=
node=
while [ $# -gt 0 ]; do
  case $1 in
    --root) root=${2:?a folder is expected after --root}; shift 2 ;;
    --node) node=${2:?a path is expected after --node}; shift 2 ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done

from=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
to=$root/opt/parley-sidecar
say() { printf '%s\n' "$*"; }

[ -n "$node" ] || node=$(command -v node) || { say "Node 22.18 or newer is needed, and there is none on PATH." >&2; exit 1; }
"$node" -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 22 || (a == 22 && b >= 18) ? 0 : 1)' ||
  { say "$node is $("$node" --version); 22.18 or newer is needed." >&2; exit 1; }
if [ -z "$root" ] && [ "$(id -u)" != 0 ]; then
  say "Run it as root, or with --root DIR." >&2
  exit 1
fi

if [ -z "$root" ] && ! id parley >/dev/null 2>&1; then
  useradd --system --user-group --home-dir /var/lib/parley --shell /usr/sbin/nologin parley
fi

# The new program is whole before it takes the place of the old one, and what runs keeps what it has open.
mkdir -p "$root/opt"
rm -rf "$to.new" "$to.old"
cp -R "$from" "$to.new"
[ ! -e "$to" ] || mv "$to" "$to.old"
mv "$to.new" "$to"
rm -rf "$to.old"

settings=$root/etc/parley/sidecar.env
mkdir -p "$root/etc/parley" "$root/var/lib/parley" "$root/etc/systemd/system" "$root/etc/sysctl.d"
if [ ! -e "$settings" ]; then
  (umask 027 && cp "$from/.env.example" "$settings")
fi
sed "s|^ExecStart=/usr/bin/node |ExecStart=$node |" "$from/parley-sidecar.service" \
  >"$root/etc/systemd/system/parley-sidecar.service"
cp "$from/60-parley.conf" "$root/etc/sysctl.d/60-parley.conf"

if [ -z "$root" ]; then
  chown root:parley "$settings"
  chmod 640 "$settings"
  chown parley:parley /var/lib/parley
  sysctl --quiet --load /etc/sysctl.d/60-parley.conf || say "The kernel does not take the socket buffers; it works with smaller ones."
  if command -v systemctl >/dev/null 2>&1; then
    systemctl daemon-reload
    systemctl enable --quiet parley-sidecar
    systemctl try-restart parley-sidecar
  fi
fi

say "Installed in $to."
if grep -q '^PARLEY_KEY=$' "$settings"; then
  say "Next: put PARLEY_HUB, PARLEY_KEY and PARLEY_ADDRESSES into $settings,"
  say "      let in what \`node $to/udp-sidecar/main.ts --firewall\` prints,"
  say "      and start it: systemctl start parley-sidecar"
fi
