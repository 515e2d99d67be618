package control

import (
	"log/slog"
	"net"
	"os"
)

// ownListener lets in only processes of the user the agent runs as, and of the
// administrator, who can do everything anyway. The modes of home and socket say the same;
// this holds where somebody has changed them.
type ownListener struct {
	*net.UnixListener
	log *slog.Logger
}

// Accept returns the next connection of an own process.
func (l ownListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		user, err := userOf(conn)
		if err == nil && (user == os.Geteuid() || user == 0) {
			return conn, nil
		}
		l.log.Warn("a process of another user asked on the control socket and was refused", "user", user, "error", err)
		_ = conn.Close() // nothing was said
	}
}
