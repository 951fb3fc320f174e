#!/bin/sh
# Removes what install.sh created. Settings and the DTLS key stay unless --purge is given.
#
#     sudo ./uninstall.sh [--root DIR] [--purge]
set -eu

usage() { sed -n '2,4s/^# \{0,1\}//p' "$0"; }

root=
purge=no
while [ $# -gt 0 ]; do
  case $1 in
    --root) root=${2:?--root needs a folder}; shift 2 ;;
    --purge) purge=yes; shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

if [ -z "$root" ]; then
  [ "$(id -u)" = 0 ] || { echo "This needs root. Run it with sudo, or with --root DIR." >&2; exit 1; }
  if [ -d /run/systemd/system ]; then
    systemctl disable --quiet --now parley-sidecar || true
    systemctl stop --quiet 'parley-sidecar@*' || true
  fi
fi
rm -f "$root"/etc/systemd/system/parley-sidecar*.service "$root"/etc/systemd/system/*.wants/parley-sidecar@*.service
rm -f "$root/etc/sysctl.d/60-parley.conf"
rm -rf "$root/opt/parley-sidecar"
if [ "$purge" = yes ]; then
  for settings in "$root"/etc/parley/*.env; do
    if grep -q '^PARLEY_KEY=' "$settings" 2>/dev/null; then rm -f "$settings"; fi
  done
  rm -rf "$root/var/lib/parley" "$root"/var/lib/parley-sidecar-*
  [ -n "$root" ] || ! id parley >/dev/null 2>&1 || userdel parley
fi
if [ -z "$root" ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
echo "Removed."
