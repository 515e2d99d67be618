package tracker

import (
	"crypto/ed25519"
	"encoding/binary"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/discovery/post"
)

// Keys cost nothing: who draws one after another and goes again takes no more room than an
// address has, and what it took is free after a lease.
func TestOneAddressDoesNotFillTheServer(t *testing.T) {
	o := newOffice(t)
	let := 0
	for i := range uint32(sourceDevices + 20) {
		seed := make([]byte, ed25519.SeedSize)
		binary.BigEndian.PutUint32(seed, i+1)
		key := ed25519.NewKeyFromSeed(seed)
		c := o.open("192.0.2.1")
		o.says(c, post.Message{
			Kind: post.Register, Key: key.Public().(ed25519.PublicKey),
			Signature: post.Sign(key, "here", o.msgs[c].Nonce),
		})
		if o.msgs[c].Kind == post.Registered {
			let++
		}
		o.do(Gone{c})
	}
	if let != sourceDevices || len(o.core.devices) != sourceDevices {
		t.Errorf("%d were let in, %d are remembered", let, len(o.core.devices))
	}
	o.want(o.comes(1, "192.0.2.2"), "registered")
	c := o.comes(1, "192.0.2.1")
	o.want(c, "drop: too many devices come from your address")
	o.do(Gone{c})
	o.pass(Lease + time.Second)
	for range 2 { // it moves there, and is not counted twice
		c := o.comes(1, "192.0.2.1")
		o.want(c, "registered")
		o.do(Gone{c})
	}
	o.pass(Lease + time.Second)
	if len(o.core.devices) != 0 || len(o.core.sources) != 0 {
		t.Errorf("%d devices and %d addresses are left", len(o.core.devices), len(o.core.sources))
	}
}
