#!/bin/sh
# Runs before the files go. An update passes: what runs goes on until the new program is
# in place. A removal stops what runs the program.
set -e

case "${1:-}" in
remove | 0) ;;
*) exit 0 ;;
esac
# The package with the window takes over from the one without, or the other way round:
# to those who run the program, that is an update.
if [ "${2:-}" = in-favour ]; then
	exit 0
fi

if [ -d /run/systemd/system ]; then
	systemctl stop 'shoal@*.service' shoal-rendezvous.service || true
	systemctl list-units --plain --no-legend --state=active 'user@*.service' |
		sed -n 's/^user@\([0-9]*\)\.service.*/\1/p' |
		while read -r uid; do
			name=$(id -nu "$uid") || continue
			runuser -u "$name" -- env "XDG_RUNTIME_DIR=/run/user/$uid" \
				systemctl --user stop shoal.service </dev/null || true
		done
fi
