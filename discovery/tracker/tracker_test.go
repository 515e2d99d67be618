package tracker

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/discovery/post"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

// office is a server and those who call it.
type office struct {
	t     *testing.T
	core  *Core
	now   step.Instant
	last  ConnID
	drawn byte
	got   map[ConnID][]string
	msgs  map[ConnID]post.Message // the last one
}

func newOffice(t *testing.T) *office {
	return &office{
		t: t, core: New(Rules{Audiences: []string{"here"}, Devices: 10_000}), got: map[ConnID][]string{},
		msgs: map[ConnID]post.Message{},
	}
}

func (o *office) do(e Event) { o.note(o.core.Handle(o.now, e)) }

func (o *office) note(effects []Effect) {
	for _, f := range effects {
		switch f := f.(type) {
		case Tell:
			text := string(f.Message.Kind)
			if f.Message.Reason != "" {
				text += ": " + f.Message.Reason
			}
			o.got[f.Conn] = append(o.got[f.Conn], text)
			o.msgs[f.Conn] = f.Message
		case Drop:
			o.got[f.Conn] = append(o.got[f.Conn], "drop: "+f.Reason)
		case Join:
			o.got[f.A] = append(o.got[f.A], fmt.Sprint("join ", f.B))
			o.got[f.B] = append(o.got[f.B], fmt.Sprint("join ", f.A))
		}
	}
}

func (o *office) pass(d time.Duration) {
	end := o.now.Add(d)
	for o.core.Deadline() <= end {
		o.now = o.core.Deadline()
		o.note(o.core.Tick(o.now))
	}
	o.now = end
}

func (o *office) open(from string) ConnID {
	o.last++
	o.do(Opened{Conn: o.last, At: netip.AddrPortFrom(netip.MustParseAddr(from), 4000), Chance: Chance{byte(o.last)}})
	return o.last
}

func keyOf(n byte) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, 32)) }

func idOf(n byte) ident.DeviceID {
	return ident.DeviceFromKey(keyOf(n).Public().(ed25519.PublicKey))
}

// comes registers device n from an address.
func (o *office) comes(n byte, from string) ConnID {
	c := o.open(from)
	o.says(c, post.Message{
		Kind: post.Register, Key: keyOf(n).Public().(ed25519.PublicKey), Card: []byte{n},
		Signature: post.Sign(keyOf(n), "here", o.msgs[c].Nonce),
	})
	return c
}

func (o *office) says(c ConnID, m post.Message) {
	o.do(Heard{Conn: c, Message: m, Chance: Chance{byte(c), byte(o.now), byte(o.now >> 8), 16: byte(c), byte(o.now), byte(o.now >> 8), 1}})
}

func (o *office) want(c ConnID, what ...string) {
	o.t.Helper()
	got := o.got[c]
	if len(got) > 0 && got[0] == "hello" {
		got = got[1:]
	}
	ok := len(got) == len(what)
	for i := range got {
		ok = ok && strings.HasPrefix(got[i], what[i])
	}
	if !ok {
		o.t.Fatalf("connection %d got %q, want %q", c, got, what)
	}
	o.got[c] = nil
}

func TestOnlyProvenDevicesRegister(t *testing.T) {
	o := newOffice(t)
	good := o.comes(1, "192.0.2.1")
	o.want(good, "registered")
	replay := o.open("192.0.2.2")
	o.says(replay, post.Message{
		Kind: post.Register, Key: keyOf(1).Public().(ed25519.PublicKey),
		Signature: post.Sign(keyOf(1), "here", o.core.conns[good].nonce),
	})
	o.want(replay, "drop: the device could not prove")
	elsewhere := o.open("192.0.2.2")
	o.says(elsewhere, post.Message{
		Kind: post.Register, Key: keyOf(1).Public().(ed25519.PublicKey),
		Signature: post.Sign(keyOf(1), "another server", o.msgs[elsewhere].Nonce),
	})
	o.want(elsewhere, "drop: the device could not prove")
	early := o.open("192.0.2.2")
	o.says(early, post.Message{Kind: post.Find, Device: idOf(1)})
	o.want(early, "drop: say who you are")
	silent := o.open("192.0.2.2")
	o.pass(greetTime + time.Second)
	o.want(silent, "drop: nothing was heard")
	o.want(good)
}

func TestTokenIsAsked(t *testing.T) {
	o := newOffice(t)
	o.core.rules.Token = "secret"
	o.want(o.comes(1, "192.0.2.1"), "drop: this server is for a closed group")
}

func TestPresenceHasALease(t *testing.T) {
	o := newOffice(t)
	a, b := o.comes(1, "192.0.2.1"), o.comes(2, "192.0.2.2")
	o.want(a, "registered")
	o.want(b, "registered")
	o.says(a, post.Message{Kind: post.Find, Device: idOf(2)})
	if got := o.msgs[a]; got.Kind != post.Found || !bytes.Equal(got.Card, []byte{2}) {
		t.Fatalf("found %+v", got)
	}
	o.do(Gone{b})
	for range 3 {
		o.says(a, post.Message{Kind: post.Letter, Device: idOf(2), Body: []byte("sealed")})
	}
	o.pass(40 * time.Second)
	o.says(a, post.Message{Kind: post.Alive})
	b = o.comes(2, "198.51.100.7") // from another network
	o.want(b, "registered", "letter", "letter", "letter")
	if got := o.msgs[b]; got.Device != idOf(1) || string(got.Body) != "sealed" {
		t.Fatalf("letter %+v", got)
	}
	o.do(Gone{b})
	o.pass(30 * time.Second)
	o.says(a, post.Message{Kind: post.Alive})
	o.pass(40 * time.Second)
	o.got[a] = nil
	o.says(a, post.Message{Kind: post.Letter, Device: idOf(2), Body: []byte("late")})
	o.want(a, "refused: that device is not here")
	o.pass(Lease + time.Second)
	o.want(a, "drop: nothing was heard")
	o.pass(2 * Lease)
	if n := len(o.core.devices) + len(o.core.conns) + len(o.core.sources); n != 0 {
		t.Errorf("%d things are left of devices that are gone", n)
	}
}

func TestNewestConnectionOfADeviceCounts(t *testing.T) {
	o := newOffice(t)
	old, peer := o.comes(1, "192.0.2.1"), o.comes(2, "192.0.2.2")
	fresh := o.comes(1, "198.51.100.1")
	o.want(old, "registered", "drop: the device has connected anew")
	o.do(Gone{old})
	o.says(peer, post.Message{Kind: post.Letter, Device: idOf(1), Body: []byte("x")})
	o.want(fresh, "registered", "letter")
}

func TestPipeJoinsCallerAndCalled(t *testing.T) {
	o := newOffice(t)
	a, b := o.comes(1, "192.0.2.1"), o.comes(2, "192.0.2.2")
	o.says(b, post.Message{Kind: post.Claim, Slot: 4829, Lasts: 600})
	o.says(a, post.Message{Kind: post.Call, Slot: 4829, Ticket: 5})
	o.want(a, "registered", "pipe")
	o.want(b, "registered", "claimed", "called")
	if o.msgs[b].Device != idOf(1) || o.msgs[b].Slot != 4829 || o.msgs[a].Ticket != 5 {
		t.Fatalf("called %+v", o.msgs[b])
	}
	first, second := [post.PipeSize]byte(o.msgs[a].Pipe), [post.PipeSize]byte(o.msgs[b].Pipe)
	o.do(PipeOpened{100, first})
	o.do(PipeOpened{101, first}) // by who saw the caller's secret
	o.want(101, "drop: this end")
	o.do(PipeOpened{102, second})
	o.want(100, "join 102")
	o.want(102, "join 100")
	o.do(PipeOpened{103, second})
	o.want(103, "drop: there is no such pipe")
	o.do(PipeClosed{idOf(1)})
	if o.core.devices[idOf(1)].pipes != 0 {
		t.Error("a pipe that has ended still counts")
	}

	o.says(a, post.Message{Kind: post.Call, Device: idOf(2)})
	lone := [post.PipeSize]byte(o.msgs[a].Pipe)
	o.do(PipeOpened{104, lone})
	o.pass(pipeTime + time.Second)
	o.want(104, "drop: the other device did not come")
	if o.core.devices[idOf(1)].pipes != 0 || len(o.core.pipes) != 0 {
		t.Error("a pipe that nobody answered still counts")
	}
}

func TestOneCodeOneDevice(t *testing.T) {
	o := newOffice(t)
	a, b := o.comes(1, "192.0.2.1"), o.comes(2, "192.0.2.2")
	o.says(a, post.Message{Kind: post.Claim, Slot: 4829, Lasts: 30})
	o.says(b, post.Message{Kind: post.Claim, Slot: 4829, Lasts: 30})
	o.want(a, "registered", "claimed")
	o.want(b, "registered", "refused: another device")
	o.pass(31 * time.Second)
	o.says(a, post.Message{Kind: post.Call, Slot: 4829})
	o.want(a, "refused: no device shows this code")
	o.says(b, post.Message{Kind: post.Claim, Slot: 4829, Lasts: 30})
	o.want(b, "claimed")
	o.says(b, post.Message{Kind: post.Release, Slot: 4829})
	o.says(a, post.Message{Kind: post.Claim, Slot: 4829, Lasts: 30})
	o.want(a, "claimed")
	for i := range slotsOfOneMax {
		o.says(b, post.Message{Kind: post.Claim, Slot: uint16(1000 + i), Lasts: 30})
	}
	o.says(b, post.Message{Kind: post.Claim, Slot: 2000, Lasts: 30})
	if got := o.got[b]; !strings.Contains(got[len(got)-1], "too many codes") {
		t.Errorf("a device claims %q", got)
	}
}

// A code is called so often and not more, also by who names the device that shows it.
func TestACodeCannotBeCalledForEver(t *testing.T) {
	o := newOffice(t)
	b := o.comes(1, "192.0.2.1")
	o.says(b, post.Message{Kind: post.Claim, Slot: 4829, Lasts: 3600})
	rung := func() int {
		return strings.Count(strings.Join(o.got[b], "\n"), "called")
	}
	for n := range byte(2 * slotCallsMax) {
		c := o.comes(n+2, fmt.Sprintf("192.0.2.%d", n+2))
		o.says(c, post.Message{Kind: post.Call, Device: idOf(1), Slot: 4829})
	}
	if n := rung(); n != slotCallsMax {
		t.Errorf("the device that shows the code was called %d times for it", n)
	}
	before := rung()
	o.says(o.comes(200, "192.0.2.200"), post.Message{Kind: post.Call, Device: idOf(1)})
	if rung() != before+1 {
		t.Error("it cannot be called by its id any more")
	}
	other := o.comes(201, "192.0.2.201")
	o.says(other, post.Message{Kind: post.Claim, Slot: 77, Lasts: 60})
	o.says(other, post.Message{Kind: post.Call, Device: idOf(1), Slot: 77}) // it shows no such code
	if rung() != before+1 {
		t.Error("it was called for a code that another device shows")
	}
}

// shares says that device c shares some folders, of which it has a part.
func (o *office) shares(c ConnID, part int, keys ...byte) {
	var told []post.Share
	for _, k := range keys {
		told = append(told, post.Share{Key: append(make([]byte, 15), k), Part: part})
	}
	o.says(c, post.Message{Kind: post.Shares, Shares: told})
}

// members returns whom the server names to c of a folder; nil when it does not.
func (o *office) members(c ConnID, key byte) []post.Member {
	o.drawn++
	o.do(Heard{c, post.Message{Kind: post.Members, Folder: append(make([]byte, 15), key)}, Chance{o.drawn}})
	if o.msgs[c].Kind != post.Members {
		return nil
	}
	return o.msgs[c].Members
}

func TestMembersAreHandedOut(t *testing.T) {
	o := newOffice(t)
	conns := map[ident.DeviceID]ConnID{}
	for n := byte(1); n <= 100; n++ {
		conns[idOf(n)] = o.comes(n, fmt.Sprintf("192.0.2.%d", n))
		part := int(n) % 5
		if n > 70 {
			part = post.PartAll
		}
		o.shares(conns[idOf(n)], part, 1, 200+n%2)
	}
	one, all := conns[idOf(1)], conns[idOf(100)]
	count := func(members []post.Member, fits func(post.Member) bool) (n int) {
		for _, m := range members {
			if fits(m) {
				n++
			}
		}
		return n
	}
	whole := func(m post.Member) bool { return m.Part == post.PartAll }
	named := map[ident.DeviceID]bool{}
	for range 30 {
		got := o.members(one, 1)
		if len(got) != post.MembersMax || count(got, whole) != wholeMost || !whole(got[0]) {
			t.Fatalf("who lacks something is told of %d, %d of them have all", len(got), count(got, whole))
		}
		if n := count(o.members(all, 1), whole); n != 0 {
			t.Fatalf("who has all is told of %d that have all", n)
		}
		own := map[ident.DeviceID]bool{idOf(1): true}
		for _, m := range got {
			if own[m.Device] || len(m.Card) != 1 {
				t.Fatalf("told of itself, twice of one, or without a card: %v", got)
			}
			own[m.Device], named[m.Device] = true, true
		}
	}
	if len(named) < 80 {
		t.Errorf("of 100 only %d were ever named", len(named))
	}
	for range 50 { // of another folder
		if n := count(o.members(one, 201), func(m post.Member) bool { return m.Card[0]%2 == 0 }); n != 0 {
			t.Fatalf("%d devices are named of a folder that they do not share", n)
		}
	}
}

// Who is away is not named, who does not share a folder is told nothing, and what a device
// said is forgotten with it.
func TestSharesHaveALease(t *testing.T) {
	o := newOffice(t)
	a, b, thief := o.comes(1, "192.0.2.1"), o.comes(2, "192.0.2.2"), o.comes(3, "192.0.2.3")
	o.shares(a, 3, 1, 2)
	o.shares(b, post.PartAll, 1)
	if got := o.members(a, 1); len(got) != 1 || got[0].Device != idOf(2) || got[0].Part != post.PartAll {
		t.Fatalf("told %v", got)
	}
	if o.members(thief, 1) != nil || o.members(b, 2) != nil {
		t.Error("who does not share a folder is told who does")
	}
	o.shares(b, 4, 2) // all that it shares now
	if len(o.members(a, 1)) != 0 || len(o.members(a, 2)) != 1 {
		t.Error("what was said last does not count")
	}
	o.do(Gone{b})
	if len(o.members(a, 2)) != 0 {
		t.Error("who is away is named")
	}
	b = o.comes(2, "192.0.2.2")
	if len(o.members(a, 2)) != 1 {
		t.Error("who came back at once is not named")
	}
	o.do(Gone{b})
	o.do(Gone{a})
	o.pass(Lease + time.Second)
	if n := o.core.Counts(); n.Folders != 0 || n.Shares != 0 {
		t.Errorf("%d folders of %d devices are left", n.Folders, n.Shares)
	}
}

func TestAskingForMembersIsHeld(t *testing.T) {
	o := newOffice(t)
	a := o.comes(1, "192.0.2.1")
	o.shares(a, 0, 1)
	told := 0
	for range 200 {
		o.pass(sayEvery)
		if o.members(a, 1) != nil || o.msgs[a].Kind == post.Members {
			told++
		}
	}
	if most := asksBurst + 200*int(sayEvery)/int(askEvery) + 1; told > most || told < asksBurst {
		t.Errorf("it was told %d times, want at most %d", told, most)
	}
}

// Whatever devices say of folders, the lists agree with one another and with what they said.
func TestSharesStayWhole(t *testing.T) {
	o := newOffice(t)
	chance := rand.New(rand.NewPCG(1, 2))
	conns := make([]ConnID, 20)
	for round := range 3000 {
		n := chance.IntN(len(conns))
		switch {
		case conns[n] == 0:
			conns[n] = o.comes(byte(n+1), fmt.Sprintf("192.0.2.%d", n+1))
		case chance.IntN(10) == 0:
			o.do(Gone{conns[n]})
			conns[n] = 0
		case chance.IntN(3) == 0:
			o.members(conns[n], byte(chance.IntN(6)))
		default:
			var keys []byte
			for range chance.IntN(8) {
				keys = append(keys, byte(chance.IntN(6)))
			}
			o.shares(conns[n], chance.IntN(3)*post.PartAll/2, keys...)
		}
		o.pass(time.Duration(chance.IntN(5)) * time.Second)
		total := 0
		for key, g := range o.core.groups {
			for part, list := range [][]*share{g.others, g.whole} {
				for i, s := range list {
					total++
					if s.at != i || (s.part == post.PartAll) != (part == 1) || s.device.shares[key] != s {
						t.Fatalf("round %d: a share stands at %d and says %d", round, i, s.at)
					}
				}
			}
		}
		if total != o.core.shares {
			t.Fatalf("round %d: %d shares, counted are %d", round, total, o.core.shares)
		}
	}
}

// Whoever tries all numbers is slowed down, whatever ids it takes.
func TestCodesCannotBeTriedOut(t *testing.T) {
	o := newOffice(t)
	tried := 0
	for n := range byte(60) {
		c := o.comes(n+1, fmt.Sprintf("2001:db8::%x", n+1)) // one network
		for range 3 {
			tried++
			kind := []post.Kind{post.Call, post.Find}[tried%2]
			o.says(c, post.Message{Kind: kind, Slot: uint16(1000 + tried)})
		}
		if n == 30 && !slices.Contains(o.got[c], "refused: too many codes were tried from your address: wait a minute") {
			t.Fatalf("%d codes were tried: %q", tried, o.got[c])
		}
	}
}

func TestFlooderIsHeldAndDropped(t *testing.T) {
	o := newOffice(t)
	a, b := o.comes(1, "192.0.2.1"), o.comes(2, "192.0.2.2")
	o.want(b, "registered")
	for range 1000 {
		o.says(a, post.Message{Kind: post.Letter, Device: idOf(2), Body: []byte("x")})
	}
	if n := len(o.got[b]); n > SayBurst {
		t.Errorf("%d letters came through", n)
	}
	if got := o.got[a]; !strings.HasPrefix(got[len(got)-1], "drop: it says more") {
		t.Errorf("the flooder got %q at last", got[len(got)-1])
	}
	for i := range sourceMax + 1 {
		c := o.open("203.0.113.5")
		if dropped := len(o.got[c]) == 1 && strings.HasPrefix(o.got[c][0], "drop: too many"); dropped != (i >= sourceMax) {
			t.Fatalf("connection %d got %q", i, o.got[c])
		}
	}
	o.want(o.comes(3, "192.0.2.3"), "registered") // the others do not notice
}
