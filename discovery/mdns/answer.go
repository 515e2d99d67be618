package mdns

import (
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	// answerWindow is how long a question is remembered. One question reaches us once for
	// every interface we listen on, because on Linux a socket on the port of mDNS hears
	// what comes in on all of them; the copies arrive together.
	answerWindow = 2 * time.Second
	// answersMax bounds what we answer within answerWindow. A LAN of 200 devices that all
	// start at once asks 400 questions in it, one for each family; a flood asks more, and
	// would make us send to whoever its packets claim to come from.
	answersMax = 500
)

// answerer answers questions that others ask. It is the zone of every server, so it is
// called from several goroutines.
type answerer struct {
	finder *Finder

	mu    sync.Mutex
	since time.Time       // when the present window began
	seen  map[string]bool // questions of the present window
	count int
}

// Records implements the library's Zone.
func (a *answerer) Records(asked dns.Question) []dns.RR {
	f := a.finder
	if f.closing.Load() || asked.Qclass&^uint16(1<<15) != dns.ClassINET && asked.Qclass != dns.ClassANY {
		return nil
	}
	now := time.Now()
	page := f.register.at(now)
	name := strings.ToLower(asked.Name)
	if q, ok := parseQuestion(name); ok {
		f.note(page.isOwn(q.asker), now)
		if page.isOwn(q.asker) || !a.admit(now, name) || !f.answers(page, q) {
			return nil
		}
		return f.card(page).answer(asked.Name)
	}
	return f.browsed(asked, name, page, func() bool { return a.admit(now, "") })
}

// browsed answers what programs that list services ask.
func (f *Finder) browsed(asked dns.Question, name string, page *page, admit func() bool) []dns.RR {
	is := func(kind uint16) bool { return asked.Qtype == kind || asked.Qtype == dns.TypeANY }
	c := f.card(page)
	switch {
	case name == enumeration && is(dns.TypePTR) && admit():
		return []dns.RR{&dns.PTR{Hdr: header(asked.Name, dns.TypePTR), Ptr: service}}
	case name == service && is(dns.TypePTR) && admit():
		return c.answer(asked.Name)
	case name == c.instance() && (is(dns.TypeSRV) || is(dns.TypeTXT)) && admit():
		return c.details()
	}
	return nil
}

// admit reports whether a question is to be answered: it is no copy, and not one too many.
func (a *answerer) admit(now time.Time, question string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Sub(a.since) >= answerWindow || a.seen == nil {
		a.since, a.seen, a.count = now, map[string]bool{}, 0
	}
	if a.seen[question] && question != "" || a.count >= answersMax {
		return false
	}
	a.seen[question] = true
	a.count++
	return true
}

// answers reports whether the asker of a question is to be answered.
func (f *Finder) answers(page *page, q question) bool {
	if q.family == '4' && !f.opts.IPv4 || q.family == '6' && !f.opts.IPv6 {
		return false
	}
	device, known := page.device[q.asker]
	missing := known && !f.opts.Connected(device)
	switch q.want {
	case linked:
		return missing
	case linking:
		return f.visible(page)
	}
	if missing {
		// It has just arrived. Our answer to it may be lost in its firewall, which seldom
		// knows that it asked; its answer to us has a chance of its own.
		f.wake(func(t *tasks) { t.arrived = true })
	}
	return true
}

// card is what this device tells at present.
func (f *Finder) card(page *page) card {
	c := card{tag: page.shown(), protocol: f.opts.Protocol, port: f.opts.Port}
	shown := f.shown.Load()
	if (shown.visible || len(page.linked) == 0) && f.opts.Name != "" {
		c.device, c.name = f.opts.Device, f.opts.Name
	}
	c.slot = shown.slot
	return c
}

// visible reports whether devices that look for one to link with are answered.
func (f *Finder) visible(page *page) bool {
	shown := f.shown.Load()
	return shown.visible || len(page.linked) == 0 && f.opts.Name != ""
}
