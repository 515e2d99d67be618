package host

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/discovery/circle"
	"github.com/shoal-sync/shoal/discovery/post"
	"github.com/shoal-sync/shoal/discovery/rendezvous"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/nat/signal"
)

// With few members all are sought, each by its id, and a server need not know that they
// share anything. Of many most are away, and to try them by chance takes long: there a
// server is told of the folder by a key, and names who is connected to it.

const (
	// namesPause is the least time between two questions for the members of one folder.
	namesPause = 10 * time.Second
	// A server that does not answer about folders, as older programs do not, or refuses to
	// hear of them, is not told of any for sharePause, and then for ever longer up to
	// sharePauseMost: it may have been busy only.
	sharePause     = time.Minute
	sharePauseMost = time.Hour
	// believedFor is how long a member that was named is not sought again on that ground:
	// a server may name who is not there, and others must have their turn.
	believedFor = 3 * time.Minute
)

// shared is what one server was told of folders, and what it said. The lock of posts is
// held.
type shared struct {
	busy bool
	life int                          // grows when the server is reached anew
	told []post.Share                 // what it took last
	more bool                         // it may remember others, from before it was reached anew
	mute time.Time                    // it is told nothing before
	wait time.Duration                // how long it was told nothing the last time
	last map[ident.FolderID]naming    // when it named members, and how many
	seen map[ident.DeviceID]time.Time // when it named one that was sought for that
}

func newShared() shared {
	return shared{seen: map[ident.DeviceID]time.Time{}, last: map[ident.FolderID]naming{}}
}

// naming is one answer of a server.
type naming struct {
	at    time.Time
	count int
}

func (s *shared) named() (n int) {
	for _, last := range s.last {
		n += last.count
	}
	return n
}

// crowd is a folder of more members than links are kept with.
type crowd struct {
	folder ident.FolderID
	part   int // that this device has, in tenths
	seeks  bool
	away   map[ident.DeviceID]bool // members that are not linked
}

// crowds lists such folders, by their ids.
func (a *agent) crowds() (out []crowd) {
	a.eachFolder(func(r *folderRun) {
		c := crowd{folder: r.id, away: map[ident.DeviceID]bool{}}
		linked := 0
		who := r.who.Load()
		for _, p := range who.Partners {
			switch {
			case p.Guest || !who.Known || p.Device == a.id:
			case a.links.to(p.Device) != nil:
				linked++
			default:
				c.away[p.Device] = true
			}
		}
		if rest := r.resting.Load(); linked+len(c.away) <= circle.AllMost || rest != nil && rest.All {
			return
		}
		c.part = a.view.part(r.id)
		c.seeks = linked < circle.Enough || r.lacks.Load()
		out = append(out, c)
	})
	slices.SortFunc(out, func(x, y crowd) int { return bytes.Compare(x.folder[:], y.folder[:]) })
	return out[:min(len(out), post.SharesMax)]
}

// part returns how much of a folder is here, in tenths.
func (v *views) part(id ident.FolderID) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.folders[id]
	if s == nil {
		return 0
	}
	t := s.Folder.Totals
	if t.Needs == 0 && !s.Folder.Scanning {
		return post.PartAll
	}
	return int(min(post.PartAll-1, post.PartAll*t.Bytes/max(1, t.Bytes+t.NeedBytes)))
}

// seekMembers tells the servers which folders this device shares with many, and asks who of
// those is there as long as too few are linked.
func (p *posts) seekMembers() {
	offices := p.connected()
	if len(offices) == 0 {
		return
	}
	crowds := p.agent.crowds()
	for _, o := range offices {
		p.agent.start(func() { p.askMembers(o, crowds) })
	}
}

// askMembers does so at one server.
func (p *posts) askMembers(o *office, crowds []crowd) {
	p.mu.Lock()
	s := &o.shared
	life, idle := s.life, len(crowds)+len(s.told) == 0 && !s.more
	if s.busy || idle || time.Now().Before(s.mute) {
		p.mu.Unlock()
		return
	}
	s.busy = true
	told, more := s.told, s.more
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		s.busy = false
		p.mu.Unlock()
	}()
	shares := make([]post.Share, len(crowds))
	for i, c := range crowds {
		key := post.KeyOf(o.Place().Audience(), c.folder)
		shares[i] = post.Share{Key: key[:], Part: c.part}
	}
	same := func(x, y post.Share) bool { return bytes.Equal(x.Key, y.Key) && x.Part == y.Part }
	if (more || !slices.EqualFunc(told, shares, same)) && !p.share(o, life, shares) {
		return
	}
	var news []ident.DeviceID
	for _, c := range crowds {
		if c.seeks {
			news = append(news, p.namesOf(o, life, c)...)
		}
	}
	p.reachAll(news)
}

// share tells a server; false when it does not take it.
func (p *posts) share(o *office, life int, shares []post.Share) bool {
	err := o.Share(p.agent.ctx, shares)
	var refused rendezvous.Refusal
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case o.shared.life != life:
		return false // it has been reached anew and knows nothing
	case err == nil:
		o.shared.told, o.shared.more, o.shared.wait = shares, false, 0
		return true
	case !errors.Is(err, rendezvous.ErrAway):
		o.shared.wait = min(max(sharePause, 2*o.shared.wait), sharePauseMost)
		o.shared.mute = time.Now().Add(o.shared.wait)
		if errors.As(err, &refused) {
			p.agent.log.Warn("the rendezvous names no members of folders", "server", o.Place().Plain(), "reason", err.Error())
		}
	}
	return false
}

// namesOf asks a server for members of a folder, and returns those that are to be reached.
func (p *posts) namesOf(o *office, life int, c crowd) (news []ident.DeviceID) {
	now := time.Now()
	p.mu.Lock()
	early := now.Sub(o.shared.last[c.folder].at) < namesPause
	p.mu.Unlock()
	if early {
		return nil
	}
	members, err := o.Members(p.agent.ctx, c.folder)
	if err != nil { // it is not asked again at once: there may be many folders
		p.agent.log.Debug("no members named", "server", o.Place().Plain(), "reason", err.Error())
	}
	var cards []signal.Card
	for _, m := range members {
		if card, err := signal.ParseCard(m.Card); err == nil && card.Device == m.Device && c.away[m.Device] {
			cards = append(cards, card)
		}
	}
	p.mu.Lock()
	s := &o.shared
	if s.life == life {
		s.last[c.folder] = naming{now, len(members)}
		cards = slices.DeleteFunc(cards, func(card signal.Card) bool { return now.Sub(s.seen[card.Device]) < believedFor })
		for _, card := range cards {
			s.seen[card.Device] = now
		}
	}
	p.mu.Unlock()
	for _, card := range cards {
		p.agent.letters.cardHeard(card) // with that it is news to the circle
		news = append(news, card.Device)
	}
	return news
}

// reachAll goes for members that were named: for those that the circle has chosen.
func (p *posts) reachAll(devices []ident.DeviceID) {
	a := p.agent
	if len(devices) == 0 {
		return
	}
	select {
	case <-a.ctx.Done():
		return
	case <-time.After(headStart):
	}
	for _, d := range devices {
		if a.links.to(d) == nil && !a.view.unsought(d) {
			a.letters.seek(d)
			a.start(func() { p.reach(d, false) })
		}
	}
}

// forgetShares lets a server that was reached anew be told everything.
func (p *posts) forgetShares(o *office) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &o.shared
	busy, life, more := s.busy, s.life+1, s.more || len(s.told) > 0
	*s = newShared()
	s.busy, s.life, s.more = busy, life, more
}
