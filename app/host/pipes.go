package host

import (
	"errors"
	"time"

	"github.com/shoal-sync/shoal/discovery/rendezvous"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/nat/direct"
	"github.com/shoal-sync/shoal/nat/route"
)

const (
	// headStart is how long a call across NATs may take before a pipe is opened beside it: a
	// punched link is better, and mostly there by then.
	headStart = 1200 * time.Millisecond
	// pipeTries is how often a pipe is tried beside one call, each pipeAgain after the one
	// before: what took the link away has perhaps taken the connection to the server, too,
	// which is just being made anew. A server that says the device is not there is asked
	// once; whoever calls again asks again.
	pipeTries = 4
	pipeAgain = 500 * time.Millisecond
)

// reach opens a pipe to a device that no other way has led to yet. Anew is set when there is
// a link that may be dead: then it does so beside it, unless something is heard there.
func (p *posts) reach(d ident.DeviceID, anew bool) {
	a := p.agent
	had, since := a.links.to(d), a.clock.Now()
	if had != nil && !anew || a.view.unsought(d) || !a.settings.Load().NAT {
		return
	}
	p.mu.Lock()
	busy := p.piping[d]
	p.piping[d] = true
	p.mu.Unlock()
	if busy {
		return
	}
	defer func() {
		p.mu.Lock()
		delete(p.piping, d)
		p.mu.Unlock()
	}()
	wait := headStart
	for range pipeTries {
		select {
		case <-a.ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = pipeAgain
		if a.links.lives(d, had, since) || a.view.unsought(d) || p.pipe(d, had != nil) {
			return
		}
	}
}

// pipe opens a pipe by whichever server does. It reports whether that is all there is to be
// done: one did, or all said that the device is not there, and it was not linked either.
func (p *posts) pipe(d ident.DeviceID, linked bool) (done bool) {
	a := p.agent
	all := p.connected()
	worth := len(all) == 0
	for _, o := range all {
		pipe, err := o.Call(a.ctx, d)
		if err == nil {
			var link *direct.Link
			if link, err = a.endpoint.DialOver(a.ctx, d, p.over(o, pipe)); err == nil {
				a.start(func() { a.useLink(link, route.Relayed, 0) })
				return true
			}
		}
		worth = worth || again(err, linked)
		a.log.Debug("no pipe", "device", d.Short(), "server", o.Place().Plain(), "reason", err.Error())
	}
	return !worth
}

// again reports whether a call that failed may fare better a moment later. A server that is
// being reached anew may, and so may a device that is: it was linked a moment ago, and who
// took that link from both has perhaps taken more. One that is merely away stays away, and
// what a server is asked in vain it does not have left for others.
func again(err error, linked bool) bool {
	var refused rendezvous.Refusal
	return linked || !errors.As(err, &refused)
}

// lives reports whether a device has another link than the given one, or that one has been
// heard since.
func (ls *links) lives(d ident.DeviceID, had *link, since step.Instant) bool {
	l := ls.to(d)
	return l != nil && (l != had || step.Instant(l.aliveAt.Load()) > since)
}

// doubted reports whether a call is made beside a link that has fallen silent. Calls to
// who is merely away, each half a minute, say nothing of the servers; and where a full road
// makes answers late, each doubt may cost a connection that is well.
func (ls *links) doubted(f route.Call) bool { return f.Anew && ls.to(f.Device) != nil }

// doubt makes every server prove that it is still connected: by one of them calls are
// carried and pipes opened, and who doubts a link has perhaps lost more than that.
func (p *posts) doubt() {
	p.each(func(o *office) { o.Doubt() })
}

// moved does so after this computer's network has changed, and has those tried at once that
// are not reached.
func (p *posts) moved() {
	p.each(func(o *office) { o.Moved() })
}

func (p *posts) each(do func(*office)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range p.offices {
		do(o)
	}
}
