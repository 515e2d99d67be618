package status

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shoal-sync/shoal/app/words"
)

// problemsShown is how many problems of one folder are listed to a person; the rest is
// counted. A screenful helps, a thousand lines hide the other folders.
const problemsShown = 5

// pen draws in one language for a person who reads at one moment.
type pen struct {
	words.Book
	now Moment
}

// Lines draws the view for a person who reads it at the given moment.
func Lines(b words.Book, v View, now Moment) []string {
	p := pen{b, now}
	lines := []string{b.Say("This device: %s  %s", Plain(v.Device.Name), v.Device.ID)}
	if len(v.Device.Listen) > 0 {
		lines = append(lines, b.Say("Reachable at: %s", Plain(strings.Join(v.Device.Listen, ", "))))
	}
	for _, r := range v.Device.Rendezvous {
		if r.Connected {
			lines = append(lines, b.Say("Found at the rendezvous %s", Plain(r.Address)))
		} else {
			lines = append(lines, b.Say("The rendezvous %s is not reached: %s", Plain(r.Address), Plain(r.Reason)))
		}
	}
	if v.Device.Update != "" {
		lines = append(lines, b.Say("Version %s of Shoal is there: `shoal update`", Plain(v.Device.Update)))
	}
	if v.Device.Paused != nil {
		lines = append(lines, b.Say("Everything is paused")+p.rest(*v.Device.Paused))
	}
	if text := p.limits(v.Device.Limits); text != "" {
		if !v.Device.Limits.LAN {
			text += "; " + b.Say("devices on the local network are not limited")
		}
		lines = append(lines, b.Say("Limited: %s", text))
	}
	lines = append(lines, "")
	lines = append(lines, FolderLines(b, v.Folders, now)...)
	lines = append(lines, "")
	lines = append(lines, DeviceLines(b, v.Devices, now)...)
	return append(append(lines, AskingLines(b, v.Asking, now)...), OfferLines(b, v.Offers)...)
}

// FolderLines draws the folders as a table, each followed by what needs saying about it.
func FolderLines(b words.Book, folders []Folder, now Moment) []string {
	if len(folders) == 0 {
		return []string{b.Say("No folders yet. Add one: %s", "shoal folder add PATH")}
	}
	rows := [][]string{{b.Say("FOLDER"), b.Say("STATE"), b.Say("FILES"), b.Say("SIZE"), b.Say("PATH")}}
	for _, f := range folders {
		rows = append(rows, []string{Plain(f.Name), f.State.Words(b), b.Count(f.Files),
			b.Bytes(f.Bytes), Plain(f.Path)})
	}
	drawn := aligned(rows)
	lines := drawn[:1:1]
	for i, f := range folders {
		lines = append(lines, drawn[i+1])
		for _, note := range (pen{b, now}).folderNotes(f) {
			lines = append(lines, "    "+note)
		}
	}
	return lines
}

// DeviceLines draws the other devices as a table, each followed by its trouble, if any.
func DeviceLines(b words.Book, devices []Device, now Moment) []string {
	if len(devices) == 0 {
		return []string{b.Say("No other devices yet. Link one: %s", "shoal link")}
	}
	rows := [][]string{{b.Say("DEVICE"), b.Say("LINK"), b.Say("ROUND TRIP"), b.Say("IN"), b.Say("OUT"), "ID"}}
	for _, d := range devices {
		link, trip := b.Say("not connected"), "-"
		if d.Connected {
			link = Plain(string(d.Route))
		}
		if d.Paused != nil {
			link += ", " + Paused.Words(b)
		}
		if d.RTT > 0 {
			trip = fmt.Sprintf("%.1f ms", float64(d.RTT))
		}
		rows = append(rows, []string{Plain(d.Name), link, trip, b.Bytes(int64(d.BytesIn)),
			b.Bytes(int64(d.BytesOut)), d.ID.String()})
	}
	drawn := aligned(rows)
	lines := drawn[:1:1]
	for i, d := range devices {
		lines = append(lines, drawn[i+1])
		if note := (pen{b, now}).deviceNote(d); note != "" {
			lines = append(lines, "    "+note)
		}
	}
	return lines
}

// Brief says how a folder is in one line that only changes when the folder does.
func (f Folder) Brief(b words.Book) string {
	text := b.Say("folder %s: %s", Plain(f.Name), f.State.Words(b))
	if need := f.needed(b); need != "" {
		text += ", " + need
	}
	if n := len(f.Problems); n > 0 {
		text += ", " + b.Say("problems: %s", b.Count(int64(n)))
	}
	return text
}

// Going says how a folder is and how far it has come, in one line that changes as it goes.
func (f Folder) Going(b words.Book) string {
	if f.Progress == nil {
		return f.Brief(b)
	}
	return f.Brief(b) + ", " + pen{Book: b}.progressNote(*f.Progress)
}

// Brief says how a device is in one line that only changes when its link does.
func (d Device) Brief(b words.Book) string {
	if d.Paused != nil {
		return b.Say("device %s: paused", Plain(d.Name))
	}
	if d.Connected {
		return b.Say("device %s: connected, %s", Plain(d.Name), Plain(string(d.Route)))
	}
	text := b.Say("device %s: not connected", Plain(d.Name))
	if d.LastProblem != "" {
		text += ": " + Plain(d.LastProblem)
	}
	return text
}

func (f Folder) needed(b words.Book) string {
	if f.NeedFiles == 0 && f.NeedBytes == 0 {
		return ""
	}
	return b.Say("%s (%s) to go", b.Files(f.NeedFiles), b.Bytes(f.NeedBytes))
}

func (p pen) folderNotes(f Folder) []string {
	var notes []string
	if f.Paused != nil {
		notes = append(notes, Paused.Words(p.Book)+p.rest(*f.Paused))
	}
	if text := p.limits(f.Limits); text != "" {
		notes = append(notes, p.Say("limited: %s", text))
	}
	if f.State == Waiting {
		notes = append(notes, p.waitingNote(f))
	}
	if text := p.signedNote(f); text != "" {
		notes = append(notes, text)
	}
	if need := f.needed(p.Book); need != "" {
		notes = append(notes, need)
	}
	if f.Progress != nil {
		notes = append(notes, p.progressNote(*f.Progress))
	}
	if names := p.memberNote(f.Members); names != "" {
		notes = append(notes, names)
	}
	if f.LocalChanges > 0 {
		notes = append(notes, p.Many(int64(f.LocalChanges),
			"%s name changed here only: this device may only read (%s puts the members' version back)",
			"%s names changed here only: this device may only read (%s puts the members' version back)",
			"shoal folder revert"))
	}
	if f.Conflicts > 0 {
		notes = append(notes, p.Say("conflicts to look at: %s", p.Count(int64(f.Conflicts))))
	}
	if f.Held > 0 {
		notes = append(notes, p.Say("held deletes waiting for your word: %s", p.Count(int64(f.Held))))
	}
	for i, problem := range f.Problems {
		if i == problemsShown {
			notes = append(notes, p.Many(int64(len(f.Problems)-i),
				"and %s more problem (all of them: --verbose)", "and %s more problems (all of them: --verbose)"))
			break
		}
		notes = append(notes, p.problemNote(problem))
	}
	return notes
}

// ProblemLines lists every problem of every folder, however many there are.
func ProblemLines(b words.Book, v View, now Moment) []string {
	var lines []string
	for _, f := range v.Folders {
		for _, p := range f.Problems {
			lines = append(lines, fmt.Sprintf("%s (%s): %s", Plain(f.Name), Plain(p.Kind), pen{b, now}.problemNote(p)))
		}
	}
	if lines != nil {
		lines = append([]string{"", b.Say("Problems:")}, lines...)
	}
	return lines
}

// limits says which limits hold, empty when none does.
func (p pen) limits(l Limits) string {
	var parts []string
	if l.Up > 0 {
		parts = append(parts, p.Say("up %s", p.Rate(l.Up)))
	}
	if l.Down > 0 {
		parts = append(parts, p.Say("down %s", p.Rate(l.Down)))
	}
	return strings.Join(parts, ", ")
}

// rest says how long a rest lasts and why, to stand behind what rests.
func (p pen) rest(r Rest) string {
	text := ""
	if r.Reason != "" {
		text = ": " + Plain(r.Reason)
	}
	if r.Until.IsZero() {
		return text
	}
	if r.Until <= p.now {
		return text + " (" + p.Say("about to end") + ")"
	}
	return text + " " + p.Say("for another %s", p.Duration(r.Until.Sub(p.now)))
}

// waitingNote says why a folder has nobody to be compared with.
func (p pen) waitingNote(f Folder) string {
	refused := slices.ContainsFunc(f.Problems, func(p Problem) bool { return p.Kind == MemberProblem })
	switch {
	case refused:
		return p.Say("no connected device shares it with this one now, see below")
	case len(f.Members) == 0:
		return p.Say("it is shared with nobody: shoal folder share %s DEVICE", quoted(f.Name))
	case f.LastEqual == nil:
		return p.Say("no member is connected, and none was equal yet")
	}
	return p.Say("no member is connected; last equal with %s %s",
		Plain(f.LastEqual.Name), p.ago(f.LastEqual.When))
}

// signedNote says how new a reader's files are while it hears of them from readers alone;
// empty when a writer tells.
func (p pen) signedNote(f Folder) string {
	writes := func(m Member) bool { return m.Connected && m.Role != Reader }
	if f.Signed == nil || slices.ContainsFunc(f.Members, writes) {
		return ""
	}
	return p.Say("as %s signed it %s; no writer is connected", Plain(f.Signed.Name), p.ago(f.Signed.When))
}

// quoted writes a name as it is typed on a command line.
func quoted(name string) string {
	if strings.ContainsAny(name, " \t'\"") {
		return strconv.Quote(Plain(name))
	}
	return Plain(name)
}

func (b pen) progressNote(p Progress) string {
	text := b.Say("%s of %s", b.Bytes(p.BytesDone), b.Bytes(p.BytesTotal))
	if p.BytesTotal > 0 {
		done := min(max(float64(p.BytesDone)/float64(p.BytesTotal), 0), 1)
		// Rounded down: 100 % is only shown when nothing is left.
		text += fmt.Sprintf(" (%d %%)", int(done*100))
	}
	if p.RateBps > 0 {
		text += ", " + b.Rate(p.RateBps)
	}
	// Beyond a year the estimate says nothing, and larger values overflow a duration.
	if year := Measured(365 * 24 * 3600); p.ETA > 0 && p.ETA < year {
		left := time.Duration(float64(p.ETA) * float64(time.Second))
		text += ", " + b.Say("%s left", b.Duration(left))
	}
	if p.Current != "" {
		text += ": " + Plain(p.Current)
	}
	return text
}

func (p pen) memberNote(members []Member) string {
	var names []string
	for _, m := range members {
		how := p.Say("away")
		switch {
		case m.Connected && m.UpToDate:
			how = p.Say("equal")
		case m.Connected:
			how = p.Say("behind or ahead")
		case m.Linked:
			how = p.Say("not sharing now")
		case m.Unsought:
			how = p.Say("not tried now")
		}
		names = append(names, fmt.Sprintf("%s (%s, %s)", Plain(m.Name), m.Role.Words(p.Book), how))
	}
	if names == nil {
		return ""
	}
	return p.Say("shared with %s", strings.Join(names, ", "))
}

func (b pen) problemNote(p Problem) string {
	text := Plain(p.Reason)
	if p.Path != "" {
		text = Plain(p.Path) + ": " + text
	}
	return text + b.nextTry(p.NextTry)
}

func (p pen) deviceNote(d Device) string {
	if d.Paused != nil {
		return Paused.Words(p.Book) + p.rest(*d.Paused)
	}
	if d.Connected {
		return ""
	}
	text := Plain(d.LastProblem) + p.nextTry(d.NextTry)
	if !d.LastSeen.IsZero() {
		if text != "" {
			text += "; "
		}
		text += p.Say("last seen %s", p.ago(d.LastSeen))
	}
	return strings.TrimPrefix(text, " ")
}

func (p pen) nextTry(at Moment) string {
	switch {
	case at.IsZero():
		return ""
	case at <= p.now:
		return " (" + p.Say("next try now") + ")"
	}
	return " (" + p.Say("next try in %s", p.Duration(at.Sub(p.now))) + ")"
}

func (p pen) ago(then Moment) string {
	if then.IsZero() {
		return p.Say("at an unknown time")
	}
	return p.Ago(p.now.Sub(then))
}

// aligned joins the cells of each row so that columns stand below each other. The last
// cell of a row is not padded.
func aligned(rows [][]string) []string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], words.Width(cell))
		}
	}
	lines := make([]string, 0, len(rows))
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(cell)
			if i+1 < len(row) {
				pad := widths[i] + 2 - words.Width(cell)
				b.WriteString(strings.Repeat(" ", pad))
			}
		}
		lines = append(lines, b.String())
	}
	return lines
}

// Table draws rows with columns that stand below each other.
func Table(rows [][]string) []string { return aligned(rows) }
