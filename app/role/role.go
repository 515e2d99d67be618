// Package role sees to it that a home has one window and one tray, however often a person
// starts them.
//
// It knows a lock and a socket for each role below the home. Who starts a role that is
// taken already asks its holder to show itself instead, and names the page it was to show.
// What showing means is left to the holder. The program takes a role before it opens
// anything.
package role

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/config"
)

// The roles of which a home has one each.
const (
	Window = "window"
	Tray   = "tray"
)

const (
	// wordMax bounds what the other process asks for: the name of a page.
	wordMax = 256
	// answerTimeout is how long a holder may take. One that has just taken the role needs a
	// moment until it listens.
	answerTimeout = 3 * time.Second
)

// errSilent reports a holder that does not answer.
var errSilent = errors.New("does not answer")

// Role is the right to be the one window, or the one tray, of a home.
type Role struct {
	lock     *config.Lock
	listener *net.UnixListener
	path     string
	asked    chan string
	ended    chan struct{}
}

// Take makes this process the holder of a role. When another process is, that one is asked
// to show what ask names, and Take returns nil without an error: the person has what they
// wanted.
func Take(ctx context.Context, home *config.Home, name, ask string) (*Role, error) {
	lock, err := home.LockRole(name)
	if errors.Is(err, config.ErrHeld) {
		if err := raise(ctx, home.Dir(), name, ask); err != nil {
			return nil, fmt.Errorf("the %s of this home is open in another process, which %w: end that one first",
				name, err)
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r := &Role{lock: lock, path: filepath.Join(home.Dir(), socketOf(name)), ended: make(chan struct{}),
		// Room for one: who asks again before the first was shown wants the same window.
		asked: make(chan string, 1)}
	if err := r.listen(home.Dir(), name); err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	go r.answer()
	return r, nil
}

func socketOf(name string) string { return name + ".sock" }

func (r *Role) listen(home, name string) error {
	// The lock is held, so what lies there was left by a holder that died.
	if err := os.Remove(r.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the socket of a dead %s: %w", name, err)
	}
	address, release, err := api.RoleAddress(home, socketOf(name))
	if err != nil {
		return err
	}
	defer release()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: address, Net: "unix"})
	if err != nil {
		return fmt.Errorf("listen for a second %s: %w", name, err)
	}
	// The listener may know the socket by a name that ends with release.
	listener.SetUnlinkOnClose(false)
	r.listener = listener
	return nil
}

// Asked delivers the page that a second process was to show, empty for none in particular.
func (r *Role) Asked() <-chan string { return r.asked }

// Close gives the role back.
func (r *Role) Close() error {
	err := r.listener.Close()
	<-r.ended
	if gone := os.Remove(r.path); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return errors.Join(err, r.lock.Release())
}

func (r *Role) answer() {
	defer close(r.ended)
	for {
		conn, err := r.listener.Accept()
		if err != nil {
			return // closed
		}
		word, err := exchange(conn)
		if err != nil {
			continue // whoever it was has gone
		}
		select {
		case r.asked <- word:
		default:
		}
	}
}

// exchange reads one line and answers it.
func exchange(conn net.Conn) (word string, err error) {
	err = conn.SetDeadline(time.Now().Add(answerTimeout))
	if err == nil {
		word, err = bufio.NewReader(io.LimitReader(conn, wordMax)).ReadString('\n')
	}
	if err == nil {
		_, err = io.WriteString(conn, "shown\n")
	}
	return strings.TrimSpace(word), errors.Join(err, conn.Close())
}

// raise asks the holder of a role to show itself.
func raise(ctx context.Context, home, name, ask string) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	for {
		err := tell(ctx, home, name, ask)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", errSilent, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func tell(ctx context.Context, home, name, ask string) error {
	address, release, err := api.RoleAddress(home, socketOf(name))
	if err != nil {
		return err
	}
	defer release()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", address)
	if err != nil {
		return err
	}
	err = conn.SetDeadline(time.Now().Add(answerTimeout))
	if err == nil {
		_, err = io.WriteString(conn, strings.ReplaceAll(ask, "\n", " ")+"\n")
	}
	if err == nil {
		_, err = bufio.NewReader(io.LimitReader(conn, wordMax)).ReadString('\n')
	}
	return errors.Join(err, conn.Close())
}
