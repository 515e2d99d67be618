//go:build !darwin || cgo

package desktop

import (
	"slices"
	"time"

	"fyne.io/fyne/v2"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
)

// How often the agent is asked for what views do not carry, while the page is shown.
const (
	queueEvery = 2 * time.Second
	graphEvery = 10 * time.Second
)

// queueRows is how many files of the queue are drawn: what comes next, not all of it.
const queueRows = 100

// transfers is the page of what travels: how fast, with whom, and what comes next.
type transfers struct {
	w      *Window
	head   *header
	spans  *kit.Tabs
	graph  *kit.Graph
	peak   *kit.Text
	marks  [3]*kit.Text
	rates  *fyne.Container
	peers  map[ident.DeviceID]*peerRow
	idle   *kit.Text
	queue  *fyne.Container
	coming *kit.Text
	root   fyne.CanvasObject

	asked, drawn  time.Time // when the queue and the graph were last asked for
	asking, going bool
	past          api.Speeds
}

func newTransfers(w *Window) *transfers {
	p := &transfers{w: w, graph: kit.NewGraph(150, 3), rates: kit.Col(10), queue: kit.Col(0),
		peers:  map[ident.DeviceID]*peerRow{},
		peak:   kit.NewText("", kit.Look{Size: kit.Small, Ink: kit.Muted, Align: fyne.TextAlignTrailing}),
		idle:   kit.NewText(say("Nothing travels at the moment."), kit.Look{Size: kit.Small, Ink: kit.Muted}),
		coming: kit.NewText("", kit.Look{Size: kit.Small, Ink: kit.Muted}),
	}
	for i := range p.marks {
		p.marks[i] = kit.NewText("", kit.Look{Size: kit.Tiny, Ink: kit.Muted,
			Align: []fyne.TextAlign{fyne.TextAlignLeading, fyne.TextAlignCenter, fyne.TextAlignTrailing}[i]})
	}
	p.head = newHeader(say("Transfers"), w.menuButton(kit.NewButton(say("Pause"), "pause", kit.Plain, nil),
		func() []act { return w.pauseActs("", w.view.Device.Paused != nil) }))
	p.spans = kit.NewTabs([]string{say("Minute"), say("Hour"), say("Day")}, func(int) {
		p.past, p.drawn = api.Speeds{}, time.Time{}
		p.update()
	})
	legend := kit.Row(6, kit.Fixed(10, 10, kit.NewGround(kit.Primary, "", 3)), kit.NewText(say("received"), kit.Look{Size: kit.Small}),
		kit.Fixed(4, 1, kit.NewGround("", "", 0)),
		kit.Fixed(10, 10, kit.NewGround(kit.Muted, "", 3)), kit.NewText(say("sent"), kit.Look{Size: kit.Small}))
	graph := kit.Card(kit.Col(10, kit.Bar(14, 2, p.spans.Box, legend, p.peak), p.graph,
		kit.Columns(0, []float32{1, 1, 1}, p.marks[0], p.marks[1], p.marks[2])))
	peers := kit.Card(kit.Col(12, kit.NewText(say("With whom"), kit.Look{Size: kit.Name, Strong: true}), p.idle, p.rates))
	queue := kit.Card(kit.Col(8, kit.Bar(8, 0, kit.NewText(say("What comes next"), kit.Look{Size: kit.Name, Strong: true}),
		p.coming), p.queue))
	p.root = scrolled(p.head.box, kit.Col(14, graph, peers, queue))
	return p
}

func (p *transfers) content() fyne.CanvasObject { return p.root }

func (p *transfers) update() {
	w := p.w
	in, out := w.speed.total()
	p.head.line.Set(say("Getting %s, sending %s", rate(in), rate(out)))
	p.setPeers()
	p.drawGraph()
	if !p.asking && w.heard && w.now().Sub(p.asked) >= queueEvery {
		p.askQueue()
	}
	if !p.going && w.heard && p.spans.Chosen() > 0 && w.now().Sub(p.drawn) >= graphEvery {
		p.askGraph()
	}
}

func (p *transfers) askQueue() {
	p.asking, p.asked = true, p.w.now()
	var found api.Transfers
	p.w.ask(api.TransferList{}, &found, func(err error) {
		p.asking = false
		if err != nil {
			p.coming.Set(err.Error())
			return
		}
		p.setQueue(found)
	})
}

func (p *transfers) askGraph() {
	p.going, p.drawn = true, p.w.now()
	span := []api.Span{"", api.Hour, api.Day}[p.spans.Chosen()]
	var past api.Speeds
	p.w.ask(api.SpeedList{Span: span}, &past, func(err error) {
		p.going = false
		if err != nil {
			p.peak.Set(err.Error())
			return
		}
		p.past = past
		p.drawGraph()
	})
}

// drawGraph draws the span that is chosen, the peak beside it and the times below it.
func (p *transfers) drawGraph() {
	in, out := p.w.speed.in, p.w.speed.out
	marks := [3]string{say("1 min ago"), say("30 s"), say("now")}
	peak := kit.Peak(in)
	when := ""
	points := meterMarks
	if p.spans.Chosen() > 0 {
		in, out = floats(p.past.In), floats(p.past.Out)
		points = 360
		marks[0], marks[1] = say("1 h ago"), say("30 min")
		if p.spans.Chosen() == 2 {
			marks[0], marks[1] = say("24 h ago"), say("12 h")
		}
		peak = float64(p.past.PeakIn)
		if !p.past.PeakInAt.IsZero() {
			when = " · " + ago(p.past.PeakInAt, p.w.moment())
		}
	}
	text := ""
	if peak >= 1 {
		text = say("peak %s", rate(peak)) + when
	}
	p.peak.Set(text)
	for i, mark := range marks {
		p.marks[i].Set(mark)
	}
	p.graph.Set(filled(in, points), filled(out, points), p.head.line.Content()+" "+text)
}

// filled puts nothing before a row that is shorter than its span.
func filled(row []float64, points int) []float64 {
	if len(row) >= points {
		return row
	}
	return append(make([]float64, points-len(row)), row...)
}

func floats(row []int64) []float64 {
	out := make([]float64, len(row))
	for i, v := range row {
		out[i] = float64(v)
	}
	return out
}

// peerRow shows how fast things travel with one device.
type peerRow struct {
	name, about, in, out *kit.Text
	bar                  *kit.Progress
	box                  *fyne.Container
}

func newPeerRow() *peerRow {
	r := &peerRow{name: kit.NewText("", kit.Look{Strong: true, Elide: kit.End}),
		about: kit.NewText("", kit.Look{Size: kit.Small, Ink: kit.Muted, Elide: kit.End}),
		in:    kit.NewText("", kit.Look{Size: kit.Small, Strong: true, Align: fyne.TextAlignTrailing}),
		out:   kit.NewText("", kit.Look{Size: kit.Small, Ink: kit.Muted, Align: fyne.TextAlignTrailing}),
		bar:   kit.NewProgress()}
	r.box = kit.Bar(14, 1, kit.Fixed(150, 0, kit.Col(1, r.name, r.about)), r.bar,
		kit.NewIcon("arrow-down", kit.Primary, 14), kit.Fixed(84, 0, r.in),
		kit.NewIcon("arrow-up", kit.Muted, 14), kit.Fixed(84, 0, r.out))
	return r
}

func (p *transfers) setPeers() {
	var most float64
	for _, r := range p.w.speed.devices {
		most = max(most, r.in)
	}
	var order []fyne.CanvasObject
	known := map[ident.DeviceID]bool{}
	for _, d := range p.w.view.Devices {
		if !d.Connected {
			continue
		}
		row := p.peers[d.ID]
		if row == nil {
			row = newPeerRow()
			p.peers[d.ID] = row
		}
		r := p.w.speed.devices[d.ID]
		_, word, _ := deviceShown(d)
		row.name.Set(d.Name)
		row.about.Set(word)
		row.in.Set(rate(r.in))
		row.out.Set(rate(r.out))
		row.bar.Set(r.in/max(most, 1), kit.Busy)
		known[d.ID] = true
		order = append(order, row.box)
	}
	keepOnly(p.peers, known)
	if !slices.Equal(order, p.rates.Objects) {
		p.rates.Objects = order
		p.rates.Refresh()
	}
	p.idle.Set(say("No other device is connected."))
	show(p.idle, len(order) == 0)
}

// setQueue lists what comes next; rows that are there already are used again.
func (p *transfers) setQueue(found api.Transfers) {
	p.coming.Set(say("Everything is here"))
	if found.Files > 0 {
		p.coming.Set(files(found.Files) + " · " + sized(found.Bytes))
	}
	list := found.Queue[:min(len(found.Queue), queueRows)]
	for len(p.queue.Objects) < len(list) {
		p.queue.Objects = append(p.queue.Objects, kit.Pad(5, 0, kit.Bar(10, 1, kit.NewIcon("file", kit.Muted, 16),
			kit.NewText("", kit.Look{Elide: kit.Middle}), kit.NewText("", kit.Look{Size: kit.Small, Ink: kit.Muted}),
			kit.Fixed(80, 0, kit.NewText("", kit.Look{Size: kit.Small, Align: fyne.TextAlignTrailing})))))
	}
	p.queue.Objects = p.queue.Objects[:len(list)]
	reading := p.current()
	for i, t := range list {
		row := p.queue.Objects[i].(*fyne.Container).Objects[0].(*fyne.Container).Objects
		sign, ink := fileSign(t.Path), kit.Muted
		if reading[t.Path] {
			sign, ink = "arrow-down", kit.Primary
		}
		row[0].(*kit.Icon).Set(sign, ink)
		row[1].(*kit.Text).Set(t.Path)
		row[2].(*kit.Text).Set(t.FolderName)
		row[3].(*fyne.Container).Objects[0].(*kit.Text).Set(sized(t.Size))
	}
	p.queue.Refresh()
}

// current are the paths being worked on.
func (p *transfers) current() map[string]bool {
	out := map[string]bool{}
	for _, f := range p.w.view.Folders {
		if f.Progress != nil && f.State == status.Syncing {
			out[f.Progress.Current] = true
		}
	}
	return out
}
