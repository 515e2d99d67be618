package tracker

import (
	"crypto/ed25519"
	"encoding/binary"
	"net/netip"
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
		c := o.comesAs(i+1, "192.0.2.1")
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

// comesAs registers the device of a key drawn from a number, from an address.
func (o *office) comesAs(number uint32, from string) ConnID {
	seed := make([]byte, ed25519.SeedSize)
	binary.BigEndian.PutUint32(seed, number)
	key := ed25519.NewKeyFromSeed(seed)
	c := o.open(from)
	o.says(c, post.Message{
		Kind: post.Register, Key: key.Public().(ed25519.PublicKey),
		Signature: post.Sign(key, "here", o.msgs[c].Nonce),
	})
	return c
}

// sharesMany says that a device shares as many folders as it may, which nobody else does.
func (o *office) sharesMany(c ConnID, number uint32) post.Message {
	var told []post.Share
	for i := range uint32(post.SharesMax) {
		var key post.FolderKey
		binary.BigEndian.PutUint32(key[:], number)
		binary.BigEndian.PutUint32(key[4:], i+1)
		told = append(told, post.Share{Key: key[:]})
	}
	o.says(c, post.Message{Kind: post.Shares, Ticket: 1, Shares: told})
	return o.msgs[c]
}

// Who comes from one address with a device for each key that is drawn, telling of as many
// folders as a device may, takes the part of the table that one address has: neither by
// going and coming, nor by moving devices there from other addresses, nor for longer than
// the lease. Whoever comes from elsewhere is taken in.
func TestOneAddressDoesNotFillTheTableOfFolders(t *testing.T) {
	o := newOffice(t)
	const devices = sourceShares/post.SharesMax + 10
	for i := range uint32(devices) {
		c := o.comesAs(i+1, "192.0.2.1")
		last := o.sharesMany(c, i+1)
		if full := i >= devices-10; full != (last.Kind == post.Refused) {
			t.Fatalf("device %d was told %s %q", i, last.Kind, last.Reason)
		}
		o.do(Gone{c})
	}
	if n := o.core.Counts().Shares; n != sourceShares {
		t.Errorf("the address has %d folders", n)
	}
	for i := range uint32(20) { // they were taken elsewhere, and are carried there
		c := o.comesAs(10_000+i, "192.0.2.2")
		if last := o.sharesMany(c, 10_000+i); last.Kind != post.Shared {
			t.Fatalf("from elsewhere: %s %q", last.Kind, last.Reason)
		}
		o.comesAs(10_000+i, "192.0.2.1")
	}
	if n := o.core.Counts().Shares; n != sourceShares {
		t.Errorf("by moving there the address has %d folders", n)
	}
	o.comesAs(1, "192.0.2.2") // one that moves away takes its own along, and leaves room
	if c := o.comesAs(10_000, "192.0.2.1"); o.sharesMany(c, 10_000).Kind != post.Shared {
		t.Errorf("there is room, and it was told %q", o.msgs[c].Reason)
	}
	if a, b := o.core.sources[addr("192.0.2.1")].shares, o.core.sources[addr("192.0.2.2")].shares; a != sourceShares || b != post.SharesMax {
		t.Errorf("counted are %d and %d", a, b)
	}
	o.pass(3 * Lease)
	if n := o.core.Counts(); n.Shares != 0 || n.Folders != 0 || len(o.core.sources) != 0 {
		t.Errorf("after the lease there are %+v, and %d addresses", n, len(o.core.sources))
	}
}

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }
