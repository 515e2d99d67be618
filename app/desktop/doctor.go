//go:build !darwin || cgo

package desktop

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/app/status"
)

// doctor is the page that looks for what is wrong.
type doctor struct {
	w     *Window
	head  *header
	again *kit.Button
	list  *fyne.Container
	root  fyne.CanvasObject
	begun bool
}

func newDoctor(w *Window) *doctor {
	p := &doctor{w: w, list: kit.Col(10)}
	p.again = kit.NewButton(say("Look again"), "arrows-clockwise", kit.Plain, p.look)
	p.head = newHeader(say("Doctor"), p.again)
	p.root = scrolled(p.head.box, p.list)
	return p
}

func (p *doctor) content() fyne.CanvasObject { return p.root }

func (p *doctor) update() {
	if !p.begun && p.w.heard {
		p.begun = true
		p.look()
	}
}

func (p *doctor) look() {
	p.again.Off(true)
	p.head.line.Set(say("Looking at clock, disks, index and network …"))
	var found status.Diagnosis
	p.w.ask(api.Diagnose{}, &found, func(err error) {
		p.again.Off(false)
		if err != nil {
			p.head.line.Set(err.Error())
			return
		}
		p.head.line.Set(verdictLine(found))
		p.list.Objects = checks(found)
		p.list.Refresh()
	})
}

func verdictLine(d status.Diagnosis) string {
	wrong, doubtful := 0, 0
	for _, c := range d.Checks {
		switch c.Verdict {
		case status.Wrong:
			wrong++
		case status.Doubt:
			doubtful++
		}
	}
	switch {
	case wrong > 0:
		return many(int64(wrong), "%s thing is wrong", "%s things are wrong")
	case doubtful > 0:
		return many(int64(doubtful), "Nothing is wrong, %s thing to look at", "Nothing is wrong, %s things to look at")
	}
	return say("Nothing is wrong")
}

// checks draws what was found, what is wrong first.
func checks(d status.Diagnosis) []fyne.CanvasObject {
	var wrong, doubtful, rest []fyne.CanvasObject
	for _, c := range d.Checks {
		o := checkCard(c)
		switch c.Verdict {
		case status.Wrong:
			wrong = append(wrong, o)
		case status.Doubt, status.Unknown:
			doubtful = append(doubtful, o)
		default:
			rest = append(rest, o)
		}
	}
	return append(append(wrong, doubtful...), rest...)
}

func checkCard(c status.Check) fyne.CanvasObject {
	sign, tone := "question", kit.Quiet
	switch c.Verdict {
	case status.Fine:
		sign, tone = "check-circle", kit.Fine
	case status.Doubt:
		sign, tone = "warning", kit.Care
	case status.Wrong:
		sign, tone = "x-circle", kit.Wrong
	}
	name := checkName(c.Name)
	if c.About != "" {
		name += " · " + c.About
	}
	parts := []fyne.CanvasObject{kit.NewText(name, kit.Look{Strong: true, Elide: kit.End}),
		kit.NewPara(c.Reason, kit.Look{Size: kit.Small, Ink: kit.Muted})}
	if c.Remedy != "" {
		parts = append(parts, kit.NewPara(c.Remedy, kit.Look{Size: kit.Small}))
	}
	return kit.Card(kit.Bar(14, 1, container.NewVBox(kit.NewIcon(sign, tone.Ink(), 22)), kit.Col(4, parts...)))
}

// checkName says what the doctor looked at; words of newer agents are shown as they are.
func checkName(word string) string {
	switch word {
	case "clock":
		return say("Clock")
	case "index":
		return say("Index")
	case "watching":
		return say("File events")
	case "home space", "folder space":
		return say("Disk space")
	case "device":
		return say("Way to other devices")
	case "listening":
		return say("Address")
	case "local network":
		return say("Local network")
	case "folder":
		return say("Folder")
	case "proxy":
		return say("Proxy")
	case "paused":
		return say("Paused")
	case "version":
		return "Shoal"
	case "nat":
		return "NAT"
	case "vpn":
		return "VPN"
	}
	return word
}

// diagnose shows why a device is, or is not, connected.
func (w *Window) diagnose(id, name string) {
	var found status.Diagnosis
	w.ask(api.Diagnose{Device: id}, &found, func(err error) {
		if err != nil {
			w.complain(err)
			return
		}
		list := container.NewVScroll(kit.Col(8, checks(found)...))
		list.SetMinSize(fyne.NewSize(520, 360))
		kit.Ask(w.win.Canvas(), say("The way to %s", name), list, kit.Answer{Text: say("Close"), Weight: kit.Main})
	})
}
