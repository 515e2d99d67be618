#!/bin/sh
# Runs after the files are gone. Whatever belongs to a person stays where it is: the
# folders, what shoal keeps in them, and what each agent knows. It says what that is.
set -e

case "${1:-}" in
remove | purge | 0) ;;
*) exit 0 ;;
esac
# The package with the window, or the one without, has taken over: nothing is gone.
if command -v shoal > /dev/null 2>&1; then
	exit 0
fi

if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
fi
if [ "$1" != remove ]; then
	# Nothing may start a program that has gone.
	rm -f /etc/systemd/system/*.wants/shoal@*.service \
		/etc/systemd/system/*.wants/shoal-rendezvous.service
fi

left=$(
	cut -d: -f6 /etc/passwd | sort -u | while read -r home; do
		for state in "$home/.local/state/shoal"; do
			if [ -d "$state" ]; then echo "  $state"; fi
		done
	done
	if [ -d /var/lib/private/shoal-rendezvous ]; then
		echo "  /var/lib/private/shoal-rendezvous"
	fi
)
echo "shoal is removed. Folders it kept are untouched, with their .shoal directories."
if [ -n "$left" ]; then
	echo "Keys and indexes stay as well, for a later installation:"
	echo "$left"
	echo "Whoever deletes them makes these devices strangers to the others."
fi
