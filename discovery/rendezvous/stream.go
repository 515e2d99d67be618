package rendezvous

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// closeGrace is how long the other side may take to hear that the pipe has ended.
const closeGrace = time.Second

// stream is a pipe as a connection of bytes.
type stream struct {
	net.Conn
	socket *websocket.Conn
	cancel context.CancelFunc
	once   sync.Once
}

func newStream(socket *websocket.Conn) *stream {
	ctx, cancel := context.WithCancel(context.Background())
	return &stream{Conn: websocket.NetConn(ctx, socket, websocket.MessageBinary), socket: socket, cancel: cancel}
}

// Close does not wait: what was written is on its way, and the other side is told in the
// background. Who reads or writes is freed within closeGrace.
func (s *stream) Close() error {
	s.once.Do(func() {
		time.AfterFunc(closeGrace, s.cancel)
		go func() {
			_ = s.socket.Close(websocket.StatusNormalClosure, "") // a courtesy
			s.cancel()
		}()
	})
	return nil
}
