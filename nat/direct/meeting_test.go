package direct

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/nat/linktest"
)

// meet lets a caller whom nobody trusts meet a device, and returns both ends.
func meet(t *testing.T) (caller, called *Meeting) {
	t.Helper()
	met := make(chan *Meeting, 1)
	server := endpoint(t, Options{Key: keyOf(2), Met: func(m *Meeting) { met <- m }})
	addr, _ := serve(t, server)
	caller, err := endpoint(t, Options{Key: keyOf(1)}).Meet(context.Background(), ident.DeviceID{}, addr)
	if err != nil {
		t.Fatal(err)
	}
	called = <-met
	if caller.Device() != deviceOfKey(keyOf(2)) || called.Device() != deviceOfKey(keyOf(1)) {
		t.Errorf("they met %s and %s", caller.Device(), called.Device())
	}
	return caller, called
}

// collect receives until the end.
func collect(m *Meeting) (frames [][]byte, end error) {
	end = m.Receive(func(frame []byte) error {
		frames = append(frames, frame)
		return nil
	})
	return frames, end
}

func TestStrangersMeetAndTalk(t *testing.T) {
	caller, called := meet(t)
	if caller.Binding() != called.Binding() || caller.Binding() == [32]byte{} {
		t.Error("the two ends have no value in common")
	}
	other, end := meet(t)
	if other.Binding() == caller.Binding() {
		t.Error("two connections have the same value")
	}
	other.Close()
	end.Close()
	if _, err := collect(end); err == nil {
		t.Error("a meeting ended without a reason")
	}
	collect(other)

	large := bytes.Repeat([]byte{7}, MeetingFrameMax)
	for _, frame := range [][]byte{{1}, large, {3}} {
		if err := caller.Send(frame); err != nil {
			t.Fatal(err)
		}
	}
	caller.Close()
	caller.Close()
	if err := caller.Send([]byte{4}); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
	got, _ := collect(called)
	if len(got) != 3 || !bytes.Equal(got[1], large) || got[2][0] != 3 {
		t.Errorf("%d messages came", len(got))
	}
	if _, err := collect(caller); err == nil {
		t.Error("a meeting ended without a reason")
	}
}

// TestTheLastWordArrives although the other side was still talking.
func TestTheLastWordArrives(t *testing.T) {
	caller, called := meet(t)
	go collect(called)
	for range 20 {
		if err := caller.Send(bytes.Repeat([]byte{1}, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := called.Send([]byte("no")); err != nil {
		t.Fatal(err)
	}
	called.Close()
	got, _ := collect(caller)
	if len(got) != 1 || string(got[0]) != "no" {
		t.Errorf("got %q", got)
	}
}

func TestMeetingsAreBounded(t *testing.T) {
	caller, called := meet(t)
	for _, size := range []int{0, MeetingFrameMax + 1} {
		if caller.Send(make([]byte, size)) == nil {
			t.Errorf("%d bytes were taken", size)
		}
	}
	// Who announces more than the bound is cut off, before memory is taken.
	if _, err := called.conn.Write(binary.BigEndian.AppendUint32(nil, MeetingFrameMax+1)); err != nil {
		t.Fatal(err)
	}
	if got, err := collect(caller); len(got) > 0 || errors.Is(err, io.EOF) {
		t.Errorf("got %d messages, %v", len(got), err)
	}
	// Who does not read does not fill our memory.
	caller, _ = meet(t)
	var err error
	for range 10_000 {
		if err = caller.Send(make([]byte, MeetingFrameMax)); err != nil {
			break
		}
	}
	if !errors.Is(err, errCrowded) {
		t.Errorf("10,000 messages were taken: %v", err)
	}
	caller.Close()
	begun, stalled := time.Now(), linktest.WatchStalls()
	called.Close()
	collect(called)
	if took, stall := time.Since(begun), stalled(); took > 5*time.Second+stall {
		t.Errorf("closing took %v; stalled %v", took, stall)
	}
}

// TestMeetingsAndLinksAreApart: a meeting with another device than the wanted one, and
// with a device that takes part in none.
func TestMeetingsAndLinksAreApart(t *testing.T) {
	addr, links := serve(t, endpoint(t, Options{Key: keyOf(2), Trusts: func(ident.DeviceID) bool { return true }}))
	caller := endpoint(t, Options{Key: keyOf(1)})
	if _, err := caller.Meet(context.Background(), deviceOfKey(keyOf(3)), addr); !errors.Is(err, ErrWrongDevice) {
		t.Errorf("another device: %v", err)
	}
	m, err := caller.Meet(context.Background(), deviceOfKey(keyOf(2)), addr)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := collect(m); len(got) != 0 || len(links) != 0 {
		t.Errorf("%d messages, %d links", len(got), len(links))
	}
}
