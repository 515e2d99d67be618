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

// announceKey is what the tags of a device are made with as long as not every device it is
// linked with has been told a secret one. It follows from the device's id, which linked
// devices know in any case.
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
	own    [32]byte                      // secret key of this device; zero for none
	key    func(ident.DeviceID) [32]byte // secret key of a linked one; nil for none

	mu   sync.Mutex
	page *page // nil when it must be written anew
}

// page holds the tags of one hour and both its neighbours, for clocks that differ. It is
// never changed.
type page struct {
	hour   int64
	own    []tag // of the hour before, this hour, the hour after; then by the other key
	linked []ident.DeviceID
	device map[tag]ident.DeviceID
}

func (r *register) at(now time.Time) *page {
	r.mu.Lock()
	defer r.mu.Unlock()
	hour := hourOf(now)
	if r.page == nil || r.page.hour != hour {
		r.page = r.write(r.linked(), hour)
	}
	return r.page
}

// forget makes the next page ask again who is linked.
func (r *register) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.page = nil
}

// write makes the page of one hour. Linked devices are recognised by either key. This one
// shows tags made with its secret key while all of them have been told it: they are those
// whose secret keys are known here, as linking exchanges both at once.
func (r *register) write(linked []ident.DeviceID, hour int64) *page {
	p := &page{hour: hour, linked: linked, device: make(map[tag]ident.DeviceID, 6*len(linked))}
	secret := r.own != [32]byte{} && len(linked) > 0
	for _, device := range linked {
		keys := [][]byte{announceKey(device)}
		if told := r.keyOf(device); told != [32]byte{} {
			keys = append(keys, told[:])
		} else {
			secret = false
		}
		for _, key := range keys {
			for h := hour - 1; h <= hour+1; h++ {
				p.device[tagOf(key, h)] = device
			}
		}
	}
	first, second := announceKey(r.self), r.own[:]
	if secret {
		first, second = second, first
	}
	for _, key := range [][]byte{first, second} {
		for h := hour - 1; h <= hour+1; h++ {
			p.own = append(p.own, tagOf(key, h))
		}
	}
	return p
}

func (r *register) keyOf(device ident.DeviceID) [32]byte {
	if r.key == nil {
		return [32]byte{}
	}
	return r.key(device)
}

// shown is the tag this device tells now.
func (p *page) shown() tag { return p.own[1] }

func (p *page) isOwn(t tag) bool { return slices.Contains(p.own, t) }
