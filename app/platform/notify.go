package platform

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

// tellTimeout is how long the manager may take to hear a word: it has nothing else to do.
const tellTimeout = 500 * time.Millisecond

// Notifier tells the service manager how the program is, in the words of sd_notify(3). The
// zero value tells nobody.
type Notifier struct {
	address  string
	watchdog time.Duration
}

// NewNotifier takes from the environment whom to tell, so that no child tells too.
func NewNotifier() (n Notifier, err error) {
	n.address = os.Getenv("NOTIFY_SOCKET")
	watched, pid := os.Getenv("WATCHDOG_USEC"), os.Getenv("WATCHDOG_PID")
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		err = errors.Join(err, os.Unsetenv(name))
	}
	if n.address != "" && watched != "" && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		micros, bad := strconv.ParseInt(watched, 10, 63)
		if bad != nil || micros <= 0 {
			return n, fmt.Errorf("WATCHDOG_USEC %q is not a number of microseconds", watched)
		}
		n.watchdog = time.Duration(micros) * time.Microsecond
	}
	return n, err
}

// Watchdog returns how long the manager waits for a sign of life, zero when it does not
// wait. A sign is due at half of that time.
func (n Notifier) Watchdog() time.Duration { return n.watchdog }

// Ready says that everything has been started. Status is one line for people.
func (n Notifier) Ready(status string) error { return n.tell("READY=1\nSTATUS=" + status) }

// Stopping says that the end has begun.
func (n Notifier) Stopping() error { return n.tell("STOPPING=1") }

// Alive is a sign of life for the watchdog.
func (n Notifier) Alive() error { return n.tell("WATCHDOG=1") }

func (n Notifier) tell(words string) error {
	if n.address == "" {
		return nil
	}
	// A name that begins with @ is in the abstract space; package net knows that form.
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.address, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	// A manager that does not listen must not hold up the program.
	err = conn.SetWriteDeadline(time.Now().Add(tellTimeout))
	if err == nil {
		_, err = conn.Write([]byte(words))
	}
	if err = errors.Join(err, conn.Close()); err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	return nil
}
