#!/bin/sh
# Runs after the files are in place, at an installation and at an update. Agents and
# servers that run go on with the new program; nothing is started that was not running.
set -e

users() {
	systemctl list-units --plain --no-legend --state=active 'user@*.service' |
		sed -n 's/^user@\([0-9]*\)\.service.*/\1/p'
}

# of_user UID COMMAND...: asks the service manager of one user.
of_user() {
	name=$(id -nu "$1") && uid=$1 && shift &&
		runuser -u "$name" -- env "XDG_RUNTIME_DIR=/run/user/$uid" systemctl --user "$@"
}

if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
	systemctl try-restart 'shoal@*.service' shoal-rendezvous.service || true
	for uid in $(users); do
		of_user "$uid" daemon-reload || true
		of_user "$uid" try-restart shoal.service || true
	done
fi
