#!/bin/sh
# Takes away what install.sh made. Settings and the DTLS key stay unless --purge is said.
#
#     sudo ./uninstall.sh [--root DIR] [--purge]
set -eu

root=
purge=no
while [ $# -gt 0 ]; do
  case $1 in
    --root) root=${2:?a folder is expected after --root}; shift 2 ;;
    --purge) purge=yes; shift ;;
    *) sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done

if [ -z "$root" ]; then
  [ "$(id -u)" = 0 ] || { echo "Run it as root, or with --root DIR." >&2; exit 1; }
  if command -v systemctl >/dev/null 2>&1; then
    systemctl disable --quiet --now parley-sidecar || true
  fi
fi
rm -f "$root/etc/systemd/system/parley-sidecar.service" "$root/etc/sysctl.d/60-parley.conf"
rm -rf "$root/opt/parley-sidecar"
if [ "$purge" = yes ]; then
  rm -f "$root/etc/parley/sidecar.env"
  rm -rf "$root/var/lib/parley"
  [ -n "$root" ] || ! id parley >/dev/null 2>&1 || userdel parley
fi
if [ -z "$root" ] && command -v systemctl >/dev/null 2>&1; then systemctl daemon-reload; fi
echo "Gone."
