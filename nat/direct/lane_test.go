package direct

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// Who sends metadata serves other devices too: one that does not read must not hold it up.
func TestMetadataIsNeverHeldUpByADeviceThatDoesNotRead(t *testing.T) {
	a, b := connected(t)
	defer b.Close("test over")
	defer a.Close("test over")
	ended := make(chan error, 1)
	bulk := make(chan error, 1)
	go func() { ended <- a.Receive(func([]byte) error { return nil }) }()
	go func() {
		for frame := make([]byte, 64<<10); ; {
			if err := a.Send(Bulk, frame); err != nil {
				bulk <- err
				return
			}
		}
	}()
	words := make(chan error, 1)
	go func() {
		frame := make([]byte, 1<<20)
		for range 1024 {
			if err := a.Send(Metadata, frame); err != nil {
				words <- err
				return
			}
		}
		words <- errors.New("a GiB of metadata was accepted without a reader")
	}()
	for what, c := range map[string]<-chan error{
		"the sender of metadata": words, "the sender of bulk": bulk, "the receiver": ended,
	} {
		select {
		case err := <-c:
			if !errors.Is(err, ErrClosed) || !strings.Contains(err.Error(), "does not read what it is sent") {
				t.Errorf("%s: %v", what, err)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s is held up", what)
		}
	}
}
