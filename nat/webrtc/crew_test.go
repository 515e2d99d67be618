package webrtc

import "testing"

// TestWorkMayBeginWhileItIsWaitedFor: the race detector objects to a sync.WaitGroup here.
func TestWorkMayBeginWhileItIsWaitedFor(t *testing.T) {
	var c crew
	<-c.Idle() // nothing has begun
	goOn, second := make(chan struct{}), make(chan struct{})
	c.Go(func() { <-goOn })
	idle := c.Idle()
	begun := make(chan struct{})
	go func() {
		c.Go(func() { <-second })
		close(begun)
	}()
	<-begun
	close(goOn)
	select {
	case <-idle:
		t.Error("idle while the second is under way")
	default:
	}
	close(second)
	<-idle
	for range 100 {
		go c.Go(func() {})
		<-c.Idle()
	}
}
