package mdns

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"sync"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
)

// tag stands for a device during one hour. Who knows the device's announce key recognises
// it; to everybody else it is a number that changes every hour.
type tag [16]byte

// announceLabel keeps announce keys apart from whatever else is derived from a device id.
const announceLabel = "shoal announce key 1"

// announceKey is what the tags of a device are made with. It follows from the device's id:
// so a linked device, which was told the id, needs to be told nothing more.
func announceKey(device ident.DeviceID) []byte {
	mac := hmac.New(sha256.New, []byte(announceLabel))
	mac.Write(device[:])
	return mac.Sum(nil)
}

// tagOf returns the tag made with an announce key for one hour, counted from 1970 in UTC.
func tagOf(key []byte, hour int64) (t tag) {
	mac := hmac.New(sha256.New, key)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(hour)))
	copy(t[:], mac.Sum(nil))
	return t
}

func (t tag) String() string { return hex.EncodeToString(t[:]) }

// parseTag reads exactly what String writes, so that each tag has one text form.
func parseTag(text string) (t tag, ok bool) {
	if len(text) != 2*len(t) {
		return t, false
	}
	_, err := hex.Decode(t[:], []byte(text))
	return t, err == nil && text == t.String()
}

func hourOf(now time.Time) int64 { return now.Unix() / 3600 }

// register knows the tags of this device and of all linked ones.
type register struct {
	self   ident.DeviceID
	linked func() []ident.DeviceID

	mu   sync.Mutex
	page *page // nil when it must be written anew
}

// page holds the tags of one hour and both its neighbours, for clocks that differ. It is
// never changed.
type page struct {
	hour   int64
	own    [3]tag // of the hour before, this hour, the hour after
	linked []ident.DeviceID
	device map[tag]ident.DeviceID
}

func (r *register) at(now time.Time) *page {
	r.mu.Lock()
	defer r.mu.Unlock()
	hour := hourOf(now)
	if r.page == nil || r.page.hour != hour {
		r.page = newPage(r.self, r.linked(), hour)
	}
	return r.page
}

// forget makes the next page ask again who is linked.
func (r *register) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.page = nil
}

func newPage(self ident.DeviceID, linked []ident.DeviceID, hour int64) *page {
	p := &page{hour: hour, linked: linked, device: make(map[tag]ident.DeviceID, 3*len(linked))}
	key := announceKey(self)
	for i := range p.own {
		p.own[i] = tagOf(key, hour-1+int64(i))
	}
	for _, device := range linked {
		key := announceKey(device)
		for h := hour - 1; h <= hour+1; h++ {
			p.device[tagOf(key, h)] = device
		}
	}
	return p
}

// shown is the tag this device tells now.
func (p *page) shown() tag { return p.own[1] }

func (p *page) isOwn(t tag) bool { return slices.Contains(p.own[:], t) }
