package mdns

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/shoal-sync/shoal/internal/ident"
)

var (
	laptop  = ident.DeviceFromKey([]byte("laptop"))
	desktop = ident.DeviceFromKey([]byte("desktop"))
	phone   = ident.DeviceFromKey([]byte("phone"))
)

// TestTagIsPinned: what other devices recognise must not change by accident.
func TestTagIsPinned(t *testing.T) {
	got := tagOf(announceKey(ident.DeviceID{1, 2, 3}), 495_000).String()
	if want := "bc2b5b566a64d46b82aae6c529363273"; got != want {
		t.Errorf("the tag is %s, want %s", got, want)
	}
}

func TestTagsChangeEveryHour(t *testing.T) {
	seen := map[tag]bool{}
	for hour := range int64(1000) {
		for _, device := range []ident.DeviceID{laptop, desktop} {
			shown := tagOf(announceKey(device), hour)
			if seen[shown] {
				t.Fatalf("hour %d shows a tag that was shown before", hour)
			}
			seen[shown] = true
		}
	}
}

func TestLinkedDevicesAreRecognised(t *testing.T) {
	const hour = 495_000
	friends := []ident.DeviceID{desktop}
	asked := 0
	r := register{self: laptop, linked: func() []ident.DeviceID { asked++; return friends }}
	now := time.Unix(hour*3600+1800, 0)
	for clock, known := range map[int64]bool{-2: false, -1: true, 0: true, 1: true, 2: false} {
		device, ok := r.at(now).device[tagOf(announceKey(desktop), hour+clock)]
		if ok != known || ok && device != desktop {
			t.Errorf("a clock %d hours off: recognised is %v, want %v", clock, ok, known)
		}
	}
	if _, ok := r.at(now).device[tagOf(announceKey(phone), hour)]; ok {
		t.Error("a device that is not linked was recognised")
	}
	if own := r.at(now).shown(); own != tagOf(announceKey(laptop), hour) || !r.at(now).isOwn(own) {
		t.Error("this device does not show its own tag")
	}
	if asked != 1 {
		t.Errorf("the list of linked devices was asked for %d times in one hour", asked)
	}
	friends = append(friends, phone)
	r.forget()
	if _, ok := r.at(now).device[tagOf(announceKey(phone), hour)]; !ok {
		t.Error("a newly linked device is not recognised")
	}
	if r.at(now.Add(time.Hour)).shown() == r.at(now).shown() {
		t.Error("the tag stayed over the hour")
	}
}

func TestQuestionsRoundTrip(t *testing.T) {
	q := question{want: linked, family: '6', nonce: 0x00c0ffee, asker: tag{0xab, 1}}
	const want = "l600c0ffeeab010000000000000000000000000000._sub._shoal._tcp.local."
	if q.name() != want {
		t.Errorf("the question is %q, want %q", q.name(), want)
	}
	for _, name := range []string{want, strings.ToUpper(want)} {
		if got, ok := parseQuestion(name); !ok || got != q {
			t.Errorf("%q was read as %+v, %v", name, got, ok)
		}
	}
	for _, bad := range []string{"", service, subtypes, "x" + want[1:], "l5" + want[2:], want[1:],
		"l6 0c0ffe" + want[9:], "l6+0c0ffee" + want[10:], "l600c0ffeg" + want[10:],
		strings.Replace(want, "ab", "ag", 1), strings.Replace(want, "_tcp", "_udp", 1)} {
		if q, ok := parseQuestion(bad); ok {
			t.Errorf("%q was taken for the question %+v", bad, q)
		}
	}
}

func packed(t testing.TB, records ...dns.RR) []byte {
	t.Helper()
	m := dns.Msg{MsgHdr: dns.MsgHdr{Response: true}, Compress: true, Answer: records}
	packet, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return packet
}

func TestAnswersRoundTrip(t *testing.T) {
	name := question{want: everybody, family: '4', asker: tag{9}}.name()
	told := card{tag: tag{7, 7}, protocol: 3, port: 22100}
	asked, got, ok := parseAnswer(packed(t, told.answer(name)...))
	if !ok || asked != name || got != told {
		t.Errorf("got %q, %+v, %v", asked, got, ok)
	}
	open := told
	open.device, open.name = laptop, `Zoë's "C:\" box`
	packet := packed(t, open.answer(name)...)
	for _, text := range []string{"id=" + laptop.String(), "n=" + open.name} {
		if !strings.Contains(string(packet), text) {
			t.Errorf("the answer does not hold %q: %q", text, packet)
		}
	}
	if _, got, ok := parseAnswer(packet); !ok || got != open {
		t.Errorf("with id and name: got %+v, %v", got, ok)
	}
	open.slot = 4829
	if _, got, ok := parseAnswer(packed(t, open.answer(name)...)); !ok || got != open {
		t.Errorf("with a slot: got %+v, %v", got, ok)
	}
	if largest := len(packet); largest > packetMax/4 {
		t.Errorf("an answer has %d bytes", largest)
	}
}

func TestStrangeAnswersAreNoAnswers(t *testing.T) {
	name := question{want: everybody, family: '4', asker: tag{9}}.name()
	whole := card{tag: tag{7}, protocol: 3, port: 22100}.answer(name)
	other := card{tag: tag{8}, protocol: 3, port: 1}.answer(name)
	for what, packet := range map[string][]byte{
		"nothing": nil, "noise": []byte("not a DNS message at all, is it"),
		"a lone pointer": packed(t, whole[0]), "no port": packed(t, whole[0], whole[2]),
		"no text": packed(t, whole[:2]...), "no pointer": packed(t, whole[1:]...),
		"records of another": packed(t, whole[0], other[1], other[2]),
		"another service":    packed(t, &dns.PTR{Hdr: header(name, dns.TypePTR), Ptr: "x._ipp._tcp.local."}),
		"port 0":             packed(t, card{tag: tag{7}, protocol: 3}.answer(name)...),
		"a broken tag": packed(t, &dns.PTR{Hdr: header(name, dns.TypePTR), Ptr: "7." + service},
			whole[1], whole[2]),
	} {
		if asked, c, ok := parseAnswer(packet); ok {
			t.Errorf("%s was taken for an answer to %q: %+v", what, asked, c)
		}
	}
}

func FuzzParseAnswer(f *testing.F) {
	name := question{want: everybody, family: '4', asker: tag{9}}.name()
	f.Add(packed(f, card{tag: tag{7}, protocol: 3, port: 22100}.answer(name)...))
	f.Add(packed(f, card{tag: tag{7}, protocol: 3, port: 1, device: laptop, name: "a"}.answer(name)...))
	f.Add([]byte{0, 1, 0x80})
	f.Fuzz(func(t *testing.T, packet []byte) {
		asked, c, ok := parseAnswer(packet)
		if !ok {
			return
		}
		again, same, ok := parseAnswer(packed(t, c.answer(asked)...))
		if !ok || again != asked || same != c {
			t.Errorf("%q, %+v became %q, %+v, %v", asked, c, again, same, ok)
		}
	})
}

func FuzzParseQuestion(f *testing.F) {
	f.Add(question{want: linked, family: '6', nonce: 7, asker: tag{1}}.name())
	f.Add(service)
	f.Fuzz(func(t *testing.T, name string) {
		if q, ok := parseQuestion(name); ok && q.name() != strings.ToLower(name) {
			t.Errorf("%q was read as %q", name, q.name())
		}
	})
}

func TestEachQuestionIsAnsweredOnce(t *testing.T) {
	linkedDevices, connected := []ident.DeviceID{desktop}, false
	f := &Finder{opts: Options{
		Device: laptop, Name: "laptop", Protocol: 1, Port: 22100, IPv4: true,
		Connected: func(ident.DeviceID) bool { return connected },
	}, news: make(chan struct{}, 1)}
	f.register = register{self: laptop, linked: func() []ident.DeviceID { return linkedDevices }}
	f.answerer.finder = f
	f.shown.Store(&shown{})
	hour := hourOf(time.Now())
	nonce := uint32(0)
	answered := func(want, family byte, asker ident.DeviceID) bool {
		nonce++
		q := question{want: want, family: family, nonce: nonce, asker: tagOf(announceKey(asker), hour)}
		asked := dns.Question{Name: q.name(), Qtype: dns.TypePTR, Qclass: dns.ClassINET}
		first, copied := f.answerer.Records(asked), f.answerer.Records(asked)
		if copied != nil {
			t.Errorf("a copy of question %c by %s was answered", want, asker.Short())
		}
		return first != nil
	}
	for i, c := range []struct {
		want, family byte
		asker        ident.DeviceID
		connected    bool
		answer       bool
	}{
		{everybody, '4', desktop, false, true}, {everybody, '4', desktop, true, true},
		{everybody, '4', phone, false, true}, {everybody, '6', desktop, false, false},
		{everybody, '4', laptop, false, false}, {linked, '4', laptop, false, false},
		{linked, '4', desktop, false, true}, {linked, '4', desktop, true, false},
		{linked, '4', phone, false, false}, {linked, '6', desktop, false, false},
	} {
		connected = c.connected
		if got := answered(c.want, c.family, c.asker); got != c.answer {
			t.Errorf("case %d: answered is %v, want %v", i, got, c.answer)
		}
	}
	for range 2 * answersMax {
		answered(everybody, '4', phone)
	}
	if f.answerer.count != answersMax || len(f.answerer.seen) > answersMax {
		t.Errorf("%d answers to a flood, %d questions remembered", f.answerer.count, len(f.answerer.seen))
	}
}

// TestOnlyWhatWasAskedForIsHeard: answers nobody asked for, and claims beyond measure.
func TestOnlyWhatWasAskedForIsHeard(t *testing.T) {
	var heard []string
	f := &Finder{opts: Options{Heard: func(device ident.DeviceID, at netip.AddrPort, lasts time.Duration) {
		if device != desktop || lasts != believed {
			t.Errorf("heard %s for %v", device.Short(), lasts)
		}
		heard = append(heard, at.String())
	}}}
	f.register = register{self: laptop, linked: func() []ident.DeviceID { return []ident.DeviceID{desktop} }}
	asked, other := question{want: everybody, family: '4', nonce: 1}, question{want: everybody, family: '4', nonce: 2}
	a := &asker{finder: f, asked: [4]string{asked.name()}, from: map[ident.DeviceID]int{}}
	told := func(device ident.DeviceID, q string) []byte {
		return packed(t, card{tag: tagOf(announceKey(device), hourOf(time.Now())), protocol: 1, port: 7}.answer(q)...)
	}
	from := netip.MustParseAddrPort
	a.hear(told(desktop, other.name()), from("10.0.0.1:5353"))
	a.hear(told(desktop, service), from("10.0.0.2:5353"))
	a.hear(told(phone, asked.name()), from("10.0.0.3:5353"))
	a.hear(told(laptop, asked.name()), from("10.0.0.4:5353"))
	a.hear(told(desktop, asked.name()), from("127.0.0.1:5353"))
	a.hear([]byte("noise"), from("10.0.0.5:5353"))
	if len(heard) > 0 {
		t.Errorf("heard %v, which nobody asked for", heard)
	}
	for range 3 {
		a.hear(told(desktop, asked.name()), from("[fe80::1%eth0]:5353"))
		a.hear(told(desktop, asked.name()), from("[::ffff:10.0.0.6]:5353"))
	}
	if want := []string{"[fe80::1%eth0]:7", "10.0.0.6:7"}; !slices.Equal(heard, want) {
		t.Errorf("heard %v, want %v", heard, want)
	}
	a.heard, a.from = heardMax, map[ident.DeviceID]int{}
	a.hear(told(desktop, asked.name()), from("10.0.0.7:5353"))
	if len(heard) > 2 {
		t.Errorf("heard %v from a flood", heard[2:])
	}
}
