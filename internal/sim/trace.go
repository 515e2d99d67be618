package sim

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/settle"
	"github.com/shoal-sync/shoal/sync/swarm"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
	"github.com/shoal-sync/shoal/sync/wire"
)

// trace is the story of a world: a digest of all of it and the text of its end.
type trace struct {
	digest uint64
	lines  []line
	next   int
	quiet  bool // digest only how much happens, not what
	silent bool // remember nothing
	count  uint64
	full   func(string) // hears every line, for a person who looks for a mistake
}

type line struct {
	at   step.Instant
	who  string
	text string
}

// linesMax is how much of a story a person is shown.
const linesMax = 60

func newTrace(o Options) trace {
	return trace{lines: make([]line, linesMax), quiet: o.Quiet, silent: o.Silent}
}

func (t *trace) event(d *device, e any)  { t.add(d, "<", e) }
func (t *trace) effect(d *device, e any) { t.add(d, ">", e) }

func (t *trace) add(d *device, way string, e any) {
	if t.silent {
		return
	}
	if t.quiet {
		t.count++
		t.digest = t.digest*1099511628211 ^ uint64(d.number)<<40 ^ uint64(d.world.now)
		return
	}
	t.put(d.world.now, d.name, way+" "+text(e))
}

// note adds what a device or a person does.
func (t *trace) note(d *device, format string, args ...any) {
	if !t.quiet && !t.silent {
		t.put(d.world.now, d.name, "* "+fmt.Sprintf(format, args...))
	}
}

func (t *trace) put(at step.Instant, who, text string) {
	h := fnv.New64a()
	fmt.Fprintf(h, "%x %x %s %s", t.digest, int64(at), who, text)
	t.digest = h.Sum64()
	l := line{at, who, text}
	t.lines[t.next%linesMax] = l
	t.next++
	if t.full != nil {
		t.full(l.String())
	}
}

// String returns the line as people read it, with columns.
func (l line) String() string {
	return fmt.Sprintf("%14v %-4s %s\n", time.Duration(l.at), l.who, l.text)
}

// last returns the end of the story.
func (t *trace) last() string {
	var b strings.Builder
	for i := max(0, t.next-linesMax); i < t.next; i++ {
		b.WriteString(t.lines[i%linesMax].String())
	}
	return b.String()
}

// text is the one text form of an event, effect or message.
func text(e any) string {
	var b strings.Builder
	name := fmt.Sprintf("%T", e)
	b.WriteString(name[strings.LastIndexByte(name, '.')+1:])
	switch e := e.(type) {
	case folder.FindingsReported:
		for i := range e.Findings {
			writeFinding(&b, &e.Findings[i])
		}
	case folder.Execute:
		for i := range e.Orders {
			writeOrder(&b, &e.Orders[i])
		}
	case folder.RecallOrders:
		for i := range e.Orders {
			writeOrder(&b, &e.Orders[i])
		}
	case folder.OutcomesReported:
		for _, o := range e.Outcomes {
			fmt.Fprintf(&b, " %d:%d", o.Ticket, o.Refusal)
		}
	case folder.NeedsLoaded:
		fmt.Fprintf(&b, " %d rows end %v", len(e.Rows), e.End)
	case folder.LoadNeeds:
		fmt.Fprintf(&b, " after %d", e.After)
	case folder.DropContent:
		fmt.Fprintf(&b, " %x", e.Content[:3])
	case folder.Notice:
		fmt.Fprintf(&b, " %d %q %s", e.Kind, e.Path, e.Detail)
	case folder.GiveUpAsked:
		fmt.Fprintf(&b, " %q", e.Path)
	case settle.NamesTouched:
		fmt.Fprintf(&b, " %q", e.Paths)
	case settle.ScanNames:
		fmt.Fprintf(&b, " %d %q", e.Ticket, e.Paths)
	case node.ScanFinished:
		fmt.Fprintf(&b, " %d full %v again %q racy %q", e.Look.Ticket, e.Full, e.Look.Again, e.Look.Racy)
	case node.MessageHeard:
		fmt.Fprintf(&b, " from %s %s", e.Device.Short(), text(e.Message))
	case node.SendTo:
		fmt.Fprintf(&b, " %s %s", e.Device.Short(), text(e.Message))
	case node.PeerConnected:
		fmt.Fprintf(&b, " %s", e.Device.Short())
	case node.PeerLost:
		fmt.Fprintf(&b, " %s", e.Device.Short())
	case node.LoadRows:
		fmt.Fprintf(&b, " %s after %d", e.Device.Short(), e.After)
	case node.RowsLoaded:
		fmt.Fprintf(&b, " %s %d..%d", e.Device.Short(), e.Page.After, e.Page.Upto)
		for i := range e.Page.Rows {
			writeRow(&b, &e.Page.Rows[i])
		}
	case node.PiecesServed:
		fmt.Fprintf(&b, " %s %d", e.Device.Short(), e.Count)
	default:
		writeContent(&b, e)
	}
	return b.String()
}

func writeContent(b *strings.Builder, e any) {
	switch e := e.(type) {
	case swarm.Serve:
		fmt.Fprintf(b, " %s", e.Peer.Short())
		writeAsks(b, e.Items)
	case node.ServeRecipes:
		fmt.Fprintf(b, " %s %d", e.Device.Short(), len(e.Contents))
	case swarm.AskPieces:
		fmt.Fprintf(b, " %s", e.Peer.Short())
		writeAsks(b, e.Items)
	case swarm.CancelPieces:
		fmt.Fprintf(b, " %s %v", e.Peer.Short(), e.Tickets)
	case swarm.YieldPieces:
		fmt.Fprintf(b, " %s %v", e.Peer.Short(), e.Tickets)
	case swarm.AsksCanceled:
		fmt.Fprintf(b, " %s %v", e.Peer.Short(), e.Tickets)
	case swarm.PiecesStored:
		fmt.Fprintf(b, " %v", e.Tickets)
	case swarm.PieceBad:
		fmt.Fprintf(b, " %d", e.Ticket)
	case swarm.FindRecipe:
		fmt.Fprintf(b, " %x", e.Content[:3])
	case swarm.RecipeFound:
		fmt.Fprintf(b, " %x %d", e.Content[:3], len(e.Recipe.Chunks))
	case swarm.OpenStage:
		fmt.Fprintf(b, " %x %d", e.Content[:3], len(e.Recipe.Chunks))
	case swarm.StageOpened:
		fmt.Fprintf(b, " %x %v", e.Content[:3], e.Present)
	case swarm.PartRead:
		fmt.Fprintf(b, " %x from %d", e.Prospect[:3], e.Part.First)
	case swarm.ProspectRead:
		fmt.Fprintf(b, " %x is %x", e.Prospect[:3], e.Content[:3])
	case swarm.OpenPart:
		fmt.Fprintf(b, " %x from %d: %x", e.Prospect[:3], e.Part.First, e.Content[:3])
	case swarm.PartOpened:
		fmt.Fprintf(b, " %x %v", e.Content[:3], e.Present)
	case swarm.DropProspect:
		fmt.Fprintf(b, " %x", e.Prospect[:3])
	case swarm.CheckHaves:
		fmt.Fprintf(b, " %s %d", e.Peer.Short(), len(e.Contents))
	case swarm.HavesChecked:
		fmt.Fprintf(b, " %s %v", e.Peer.Short(), e.Here)
	case wire.Message:
		writeMessage(b, e)
	}
}

func writeMessage(b *strings.Builder, m wire.Message) {
	switch m := m.(type) {
	case wire.Join:
		fmt.Fprintf(b, " log %x head %d took %x:%d root %x", uint64(m.Log)>>48, m.Head, uint64(m.TookLog)>>48, m.TookSeq, m.Root[:3])
	case wire.State:
		fmt.Fprintf(b, " head %d root %x knows %v scanning %v need %d", m.Head, m.Root[:3], m.Knowledge, m.Scanning, m.NeedFiles)
	case wire.Rows:
		fmt.Fprintf(b, " %d..%d", m.After, m.Upto)
		for i := range m.Entries {
			writeEntry(b, &m.Entries[i])
		}
	case wire.RowsTaken:
		fmt.Fprintf(b, " log %x upto %d", uint64(m.Log)>>48, m.Upto)
	case wire.Replicas:
		for _, r := range m.Replicas {
			fmt.Fprintf(b, " %s", r.Name)
		}
	case wire.Refuse:
		fmt.Fprintf(b, " %d", m.Reason)
	case wire.WantHave:
		for _, c := range m.Contents {
			fmt.Fprintf(b, " %x", c[:3])
		}
	case wire.Have:
		for _, i := range m.Items {
			fmt.Fprintf(b, " %x all %v %v", i.Content[:3], i.All, i.Pieces)
		}
	case wire.AskRecipes:
		fmt.Fprintf(b, " %d", len(m.Contents))
	case wire.AskPieces:
		writeAsks(b, m.Items)
	case wire.Recipes:
		for _, p := range m.Parts {
			fmt.Fprintf(b, " %x %d+%d of %d", p.Content[:3], p.Offset, len(p.Body), p.Total)
		}
	case wire.NoPiece:
		fmt.Fprintf(b, " %d %d", m.Ticket, m.Reason)
	}
}

func writeAsks(b *strings.Builder, items []wire.PieceAsk) {
	for _, i := range items {
		fmt.Fprintf(b, " %d:%x/%d", i.Ticket, i.Content[:3], i.Index)
	}
}

func writeFinding(b *strings.Builder, f *tree.Finding) {
	fmt.Fprintf(b, " [%q known %x rev %d", f.Path, f.Known[:3], f.Rev)
	switch {
	case f.Gone:
		b.WriteString(" gone")
	case f.Moved:
		fmt.Fprintf(b, " moved from %q", f.From)
	}
	fmt.Fprintf(b, " %v ino %d size %d mtime %d #%x racy %v]", f.Stat.Kind, f.Stat.File.Inode, f.Stat.Size, f.Stat.Mtime-epoch, f.Content[:3], f.Racy)
}

var opNames = [...]string{"?", "mkdir", "install", "link", "move", "remove", "attributes"}

func writeOrder(b *strings.Builder, o *tree.Order) {
	fmt.Fprintf(b, " [%d %x %s %q", o.Ticket, o.Entry[:3], opNames[o.Op], o.Path)
	if o.To != "" {
		fmt.Fprintf(b, " to %q", o.To)
	}
	if o.Op == tree.InstallFile {
		fmt.Fprintf(b, " #%x", o.Content[:3])
	}
	if o.Copy != "" {
		fmt.Fprintf(b, " copy of %q", o.Copy)
	}
	if o.Victim != nil {
		fmt.Fprintf(b, " over %v ino %d", o.Victim.Kind, o.Victim.File.Inode)
	}
	b.WriteString("]")
}

func writeRow(b *strings.Builder, r *tree.Row) {
	fmt.Fprintf(b, " %d", r.Seq)
	writeEntry(b, &r.Entry)
}

func writeEntry(b *strings.Builder, e *tree.Entry) {
	fmt.Fprintf(b, " {%x %v %x/%q@%v", e.ID[:3], e.Kind, e.Place.Parent[:3], e.Place.Name, e.Place.Dot)
	if e.Content.Deleted {
		b.WriteString(" deleted")
	}
	fmt.Fprintf(b, " #%x@%v", e.Content.ID[:3], e.Content.Dot)
	writeSeen(b, e.Content.Version, e.Content.Context)
	b.WriteString("}")
}

func writeSeen(b *strings.Builder, v version.Version, context version.Vector) {
	fmt.Fprintf(b, "%v", v.Seen)
	if !context.Equal(v.Seen) {
		fmt.Fprintf(b, "+%v", context)
	}
}
