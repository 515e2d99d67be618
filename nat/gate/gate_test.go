package gate

import (
	"net"
	"testing"
)

// Callers connect over loopback, so they all count as one.
func TestGate(t *testing.T) {
	gate := New(3, 2)
	meeting := make(chan func() bool, 3)
	var callers []net.Conn
	call := func() net.Conn {
		ours, theirs := connected(t)
		gate.Admit(ours, func(known func() bool) {
			meeting <- known
			_, _ = ours.Read(make([]byte, 1)) // until either end closes it
		})
		callers = append(callers, theirs)
		return theirs
	}
	call()
	call()
	first := <-meeting
	<-meeting
	if !ended(call()) {
		t.Fatal("a third stranger of one caller was let in")
	}
	if !first() {
		t.Error("the gate is open, and says that it is shut")
	}
	call() // there is room again
	third := <-meeting
	gate.Shut()
	for _, stranger := range callers[1:] {
		if !ended(stranger) {
			t.Error("the connection of a stranger was not closed")
		}
	}
	if third() {
		t.Error("a stranger became known after the gate was shut")
	}
	if !ended(call()) {
		t.Error("a stranger was let in after the gate was shut")
	}
	callers[0].Close() // who was known is nobody's to close
	gate.Wait()
}

func connected(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if theirs, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { theirs.Close() })
	if ours, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close() })
	return ours, theirs
}

// ended waits for the other end to close a connection.
func ended(conn net.Conn) bool {
	_, err := conn.Read(make([]byte, 1))
	return err != nil
}
