package tray

import (
	"time"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/app/words"
)

// quietFor is how long nothing more is said about a thing that was notified: a hundred
// conflicts are one message with a number.
const quietFor = 10 * time.Minute

// gatherFor is how long the first of a kind waits for others that belong to it.
const gatherFor = 2 * time.Second

// Notice is one message to the person.
type Notice struct {
	Kind  status.Kind
	Title string
	Text  string
	Page  string // of the window, for who clicks on it
	Act   string // what the click is called
}

// news gathers events into notices: of each kind at most one in ten minutes. What went well
// is not told at all.
type news struct {
	words words.Book
	kinds map[status.Kind]*pile
}

// pile is what has come of one kind since it was last told of.
type pile struct {
	count int
	last  status.Event
	due   time.Time // when to tell; zero while nothing is to be told
	quiet time.Time // until when to be quiet
}

// told are the kinds worth a message, in the order in which they are told.
var told = []status.Kind{status.LinkAsked, status.FolderOffered, status.HeldDeletes, status.Conflict, status.Trouble}

func newNews(b words.Book) *news {
	n := &news{words: b, kinds: map[status.Kind]*pile{}}
	for _, kind := range told {
		n.kinds[kind] = &pile{}
	}
	return n
}

// add takes an event in.
func (n *news) add(e status.Event, now time.Time) {
	p := n.kinds[e.Kind]
	if p == nil {
		return
	}
	p.count++
	p.last = e
	if !p.due.IsZero() {
		return
	}
	p.due = now.Add(gatherFor)
	if e.Kind == status.LinkAsked {
		p.due = now // somebody stands at the other device and waits
	}
	if p.due.Before(p.quiet) {
		p.due = p.quiet
	}
}

// next is when take has something; zero when nothing waits.
func (n *news) next() (at time.Time) {
	for _, p := range n.kinds {
		if !p.due.IsZero() && (at.IsZero() || p.due.Before(at)) {
			at = p.due
		}
	}
	return at
}

// take returns what is to be told now. What the person has dealt with meanwhile, by the
// view, is not told any more.
func (n *news) take(now time.Time, v status.View) (out []Notice) {
	for _, kind := range told {
		p := n.kinds[kind]
		if p.due.IsZero() || now.Before(p.due) {
			continue
		}
		if notice, still := n.notice(kind, p, v); still {
			out = append(out, notice)
			p.quiet = now.Add(quietFor)
		}
		p.count, p.due = 0, time.Time{}
	}
	return out
}

func (n *news) notice(kind status.Kind, p *pile, v status.View) (Notice, bool) {
	b := n.words
	conflicts, held := 0, 0
	for _, f := range v.Folders {
		conflicts, held = conflicts+f.Conflicts, held+f.Held
	}
	switch kind {
	case status.LinkAsked:
		if len(v.Asking) == 0 {
			return Notice{}, false
		}
		name := v.Asking[0].Name
		if name == "" {
			name = b.Say("a device")
		}
		return Notice{kind, b.Say("%s asks to be linked", cut(name)),
			b.Say("Compare the words on both screens before you say yes."), "devices", b.Say("Look")}, true
	case status.FolderOffered:
		if len(v.Offers) == 0 {
			return Notice{}, false
		}
		o := v.Offers[0]
		return Notice{kind, b.Say("%s shares %s with this device", cut(o.DeviceName), cut(o.Name)),
			b.Say("Choose where it goes, or say no."), "folders", b.Say("Look")}, true
	case status.HeldDeletes:
		return Notice{kind, b.Many(int64(held), "%s delete waits for your yes", "%s deletes wait for your yes"),
			b.Say("So many files went at once that it may be a mistake. Nothing is lost."), "held", b.Say("Look")}, held > 0
	case status.Conflict:
		return Notice{kind, b.Many(int64(conflicts), "%s file was changed on two devices",
			"%s files were changed on two devices"), b.Say("Both versions are kept."), "conflicts", b.Say("Resolve")}, conflicts > 0
	default:
		text := status.Plain(p.last.Detail)
		if p.last.Path != "" {
			text = status.Plain(p.last.Path) + ": " + text
		}
		return Notice{kind, b.Many(int64(p.count), "%s problem with your files", "%s problems with your files"),
			text, "folders", b.Say("Look")}, hasProblems(v)
	}
}

func hasProblems(v status.View) bool {
	for _, f := range v.Folders {
		if len(f.Problems) > 0 {
			return true
		}
	}
	return false
}
