package status

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// problemsShown is how many problems of one folder are listed to a person; the rest is
// counted. A screenful helps, a thousand lines hide the other folders.
const problemsShown = 5

// Lines draws the view for a person who reads it at the given moment.
func Lines(v View, now Moment) []string {
	lines := []string{fmt.Sprintf("This device: %s  %s", Plain(v.Device.Name), v.Device.ID)}
	if len(v.Device.Listen) > 0 {
		lines = append(lines, "Reachable at: "+Plain(strings.Join(v.Device.Listen, ", ")))
	}
	if v.Device.Paused != nil {
		lines = append(lines, "Everything is paused"+v.Device.Paused.words(now))
	}
	if text := v.Device.Limits.words(); text != "" {
		if !v.Device.Limits.LAN {
			text += "; devices on the local network are not limited"
		}
		lines = append(lines, "Limited: "+text)
	}
	lines = append(lines, "")
	lines = append(lines, FolderLines(v.Folders, now)...)
	lines = append(lines, "")
	lines = append(lines, DeviceLines(v.Devices, now)...)
	return append(lines, AskingLines(v.Asking, now)...)
}

// FolderLines draws the folders as a table, each followed by what needs saying about it.
func FolderLines(folders []Folder, now Moment) []string {
	if len(folders) == 0 {
		return []string{"No folders yet. Add one: shoal folder add PATH"}
	}
	rows := [][]string{{"FOLDER", "STATE", "FILES", "SIZE", "PATH"}}
	for _, f := range folders {
		rows = append(rows, []string{Plain(f.Name), f.State.Words(), Count(f.Files),
			Bytes(f.Bytes), Plain(f.Path)})
	}
	drawn := aligned(rows)
	lines := drawn[:1:1]
	for i, f := range folders {
		lines = append(lines, drawn[i+1])
		for _, note := range folderNotes(f, now) {
			lines = append(lines, "    "+note)
		}
	}
	return lines
}

// DeviceLines draws the other devices as a table, each followed by its trouble, if any.
func DeviceLines(devices []Device, now Moment) []string {
	if len(devices) == 0 {
		return []string{"No other devices yet. Link one: shoal link"}
	}
	rows := [][]string{{"DEVICE", "LINK", "ROUND TRIP", "IN", "OUT", "ID"}}
	for _, d := range devices {
		link, trip := "not connected", "-"
		if d.Connected {
			link = Plain(string(d.Route))
		}
		if d.Paused != nil {
			link += ", paused"
		}
		if d.RTT > 0 {
			trip = fmt.Sprintf("%.1f ms", float64(d.RTT))
		}
		rows = append(rows, []string{Plain(d.Name), link, trip, Bytes(int64(d.BytesIn)),
			Bytes(int64(d.BytesOut)), d.ID.String()})
	}
	drawn := aligned(rows)
	lines := drawn[:1:1]
	for i, d := range devices {
		lines = append(lines, drawn[i+1])
		if note := deviceNote(d, now); note != "" {
			lines = append(lines, "    "+note)
		}
	}
	return lines
}

// Brief says how a folder is in one line that only changes when the folder does.
func (f Folder) Brief() string {
	text := fmt.Sprintf("folder %s: %s", Plain(f.Name), f.State.Words())
	if need := f.needed(); need != "" {
		text += ", " + need
	}
	if n := len(f.Problems); n > 0 {
		text += ", problems: " + Count(int64(n))
	}
	return text
}

// Going says how a folder is and how far it has come, in one line that changes as it goes.
func (f Folder) Going() string {
	if f.Progress == nil {
		return f.Brief()
	}
	return f.Brief() + ", " + progressNote(*f.Progress)
}

// Brief says how a device is in one line that only changes when its link does.
func (d Device) Brief() string {
	if d.Paused != nil {
		return fmt.Sprintf("device %s: paused", Plain(d.Name))
	}
	if d.Connected {
		return fmt.Sprintf("device %s: connected, %s", Plain(d.Name), Plain(string(d.Route)))
	}
	text := fmt.Sprintf("device %s: not connected", Plain(d.Name))
	if d.LastProblem != "" {
		text += ": " + Plain(d.LastProblem)
	}
	return text
}

func (f Folder) needed() string {
	if f.NeedFiles == 0 && f.NeedBytes == 0 {
		return ""
	}
	return fmt.Sprintf("%s (%s) to go", Files(f.NeedFiles), Bytes(f.NeedBytes))
}

func folderNotes(f Folder, now Moment) []string {
	var notes []string
	if f.Paused != nil {
		notes = append(notes, "paused"+f.Paused.words(now))
	}
	if text := f.Limits.words(); text != "" {
		notes = append(notes, "limited: "+text)
	}
	if f.State == Waiting {
		notes = append(notes, waitingNote(f, now))
	}
	if need := f.needed(); need != "" {
		notes = append(notes, need)
	}
	if f.Progress != nil {
		notes = append(notes, progressNote(*f.Progress))
	}
	if names := memberNote(f.Members); names != "" {
		notes = append(notes, names)
	}
	if f.LocalChanges > 0 {
		notes = append(notes, Count(int64(f.LocalChanges))+" names changed here only: this device may only read "+
			"(shoal folder revert puts the members' version back)")
	}
	if f.Conflicts > 0 {
		notes = append(notes, "conflicts to look at: "+Count(int64(f.Conflicts)))
	}
	if f.Held > 0 {
		notes = append(notes, "held deletes waiting for your word: "+Count(int64(f.Held)))
	}
	for i, p := range f.Problems {
		if i == problemsShown {
			notes = append(notes, fmt.Sprintf("and %s more problems (all of them: --verbose)",
				Count(int64(len(f.Problems)-i))))
			break
		}
		notes = append(notes, problemNote(p, now))
	}
	return notes
}

// ProblemLines lists every problem of every folder, however many there are.
func ProblemLines(v View, now Moment) []string {
	var lines []string
	for _, f := range v.Folders {
		for _, p := range f.Problems {
			lines = append(lines, fmt.Sprintf("%s (%s): %s", Plain(f.Name), Plain(p.Kind), problemNote(p, now)))
		}
	}
	if lines != nil {
		lines = append([]string{"", "Problems:"}, lines...)
	}
	return lines
}

// words says which limits hold, empty when none does.
func (l Limits) words() string {
	var parts []string
	if l.Up > 0 {
		parts = append(parts, "up "+Bytes(l.Up)+"/s")
	}
	if l.Down > 0 {
		parts = append(parts, "down "+Bytes(l.Down)+"/s")
	}
	return strings.Join(parts, ", ")
}

// words says how long a rest lasts and why, to stand behind what rests.
func (r Rest) words(now Moment) string {
	text := ""
	if r.Reason != "" {
		text = ": " + Plain(r.Reason)
	}
	if r.Until.IsZero() {
		return text
	}
	if r.Until <= now {
		return text + " (about to end)"
	}
	return text + " for another " + Duration(r.Until.Sub(now))
}

func waitingNote(f Folder, now Moment) string {
	if f.LastEqual == nil {
		return "no member is connected, and none was equal yet"
	}
	return fmt.Sprintf("no member is connected; last equal with %s %s",
		Plain(f.LastEqual.Name), ago(f.LastEqual.When, now))
}

func progressNote(p Progress) string {
	text := fmt.Sprintf("%s of %s", Bytes(p.BytesDone), Bytes(p.BytesTotal))
	if p.BytesTotal > 0 {
		done := min(max(float64(p.BytesDone)/float64(p.BytesTotal), 0), 1)
		// Rounded down: 100 % is only shown when nothing is left.
		text += fmt.Sprintf(" (%d %%)", int(done*100))
	}
	if p.RateBps > 0 {
		text += fmt.Sprintf(", %s/s", Bytes(p.RateBps))
	}
	// Beyond a year the estimate says nothing, and larger values overflow a duration.
	if year := Measured(365 * 24 * 3600); p.ETA > 0 && p.ETA < year {
		left := time.Duration(float64(p.ETA) * float64(time.Second))
		text += ", " + Duration(left) + " left"
	}
	if p.Current != "" {
		text += ": " + Plain(p.Current)
	}
	return text
}

func memberNote(members []Member) string {
	var names []string
	for _, m := range members {
		how := "away"
		switch {
		case m.Connected && m.UpToDate:
			how = "equal"
		case m.Connected:
			how = "behind or ahead"
		}
		names = append(names, fmt.Sprintf("%s (%s, %s)", Plain(m.Name), m.Role, how))
	}
	if names == nil {
		return ""
	}
	return "shared with " + strings.Join(names, ", ")
}

func problemNote(p Problem, now Moment) string {
	text := Plain(p.Reason)
	if p.Path != "" {
		text = Plain(p.Path) + ": " + text
	}
	return text + nextTry(p.NextTry, now)
}

func deviceNote(d Device, now Moment) string {
	if d.Paused != nil {
		return "paused" + d.Paused.words(now)
	}
	if d.Connected {
		return ""
	}
	text := Plain(d.LastProblem) + nextTry(d.NextTry, now)
	if !d.LastSeen.IsZero() {
		if text != "" {
			text += "; "
		}
		text += "last seen " + ago(d.LastSeen, now)
	}
	return strings.TrimPrefix(text, " ")
}

func nextTry(at, now Moment) string {
	switch {
	case at.IsZero():
		return ""
	case at <= now:
		return " (next try now)"
	}
	return " (next try in " + Duration(at.Sub(now)) + ")"
}

func ago(then, now Moment) string {
	if then.IsZero() {
		return "at an unknown time"
	}
	if now.Sub(then) < time.Second {
		return "just now"
	}
	return Duration(now.Sub(then)) + " ago"
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
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	lines := make([]string, 0, len(rows))
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(cell)
			if i+1 < len(row) {
				pad := widths[i] + 2 - utf8.RuneCountInString(cell)
				b.WriteString(strings.Repeat(" ", pad))
			}
		}
		lines = append(lines, b.String())
	}
	return lines
}

// Table draws rows with columns that stand below each other.
func Table(rows [][]string) []string { return aligned(rows) }
