#!/bin/sh
# Installs or upgrades the sidecar from this folder. It can be run repeatedly and keeps the settings.
#
#     sudo ./install.sh                  installs on this machine
#     ./install.sh --root DIR            installs into a folder instead of /, without users and systemctl
#     ./install.sh --node /path/to/node  uses this Node (22.18 or newer) instead of the first one on PATH
#
# It creates the user parley, /opt/parley-sidecar, /etc/parley/sidecar.env, systemd units and a sysctl file. The unit
# parley-sidecar@NAME runs a further sidecar with the settings of /etc/parley/NAME.env and a separate state.
set -eu

usage() { sed -n '2,9s/^# \{0,1\}//p' "$0"; }

root=
node=
start="systemctl start parley-sidecar"
while [ $# -gt 0 ]; do
  case $1 in
    --root) root=${2:?--root needs a folder}; shift 2 ;;
    --node) node=${2:?--node needs a path}; shift 2 ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

from=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
to=$root/opt/parley-sidecar
print() { printf '%s\n' "$*"; }

[ -n "$node" ] || node=$(command -v node) || { print "Node is not on PATH. Install Node 22.18 or newer, or name it with --node." >&2; exit 1; }
"$node" -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 23 || (a == 23 && b >= 6) || (a == 22 && b >= 18) ? 0 : 1)' ||
  { print "$node is $("$node" --version). Install Node 22.18 or newer, or name it with --node." >&2; exit 1; }
if [ -z "$root" ] && [ "$(id -u)" != 0 ]; then
  print "This needs root. Run it with sudo, or with --root DIR." >&2
  exit 1
fi

if [ -z "$root" ] && ! id parley >/dev/null 2>&1; then
  useradd --system --user-group --home-dir /var/lib/parley --shell /usr/sbin/nologin parley
fi

# The new program is complete before it replaces the old one. A running sidecar keeps its open files.
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
sed "s|^Description=.*|& %i|; s|/etc/parley/sidecar\.env|/etc/parley/%i.env|; s|^StateDirectory=.*|&-sidecar-%i|; s|^WorkingDirectory=.*|&-sidecar-%i|" \
  "$root/etc/systemd/system/parley-sidecar.service" >"$root/etc/systemd/system/parley-sidecar@.service"
cp "$from/60-parley.conf" "$root/etc/sysctl.d/60-parley.conf"

if [ -z "$root" ]; then
  chown root:parley "$settings"
  chmod 640 "$settings"
  chown parley:parley /var/lib/parley
  sysctl --quiet --load /etc/sysctl.d/60-parley.conf || print "The kernel refused the socket buffer sizes. The sidecar works with smaller ones."
  # systemctl may be installed where systemd does not run, for example in a container (sd_booted(3)).
  if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl enable --quiet parley-sidecar
    systemctl try-restart parley-sidecar 'parley-sidecar@*'
  else
    start="setpriv --reuid parley --regid parley --clear-groups sh -c 'set -a; . $settings; exec $node $to/sidecar.mjs'"
    print "systemd does not run here: start the sidecar yourself, and again after an upgrade."
  fi
fi

print "Installed in $to."
if grep -q '^PARLEY_KEY=$' "$settings"; then
  print "Next: set PARLEY_HUB, PARLEY_KEY and PARLEY_ADDRESSES in $settings,"
  print "      open the ports that \`node $to/sidecar.mjs --firewall\` prints,"
  print "      and start it: $start"
fi
