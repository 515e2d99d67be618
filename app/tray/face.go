package tray

import (
	"time"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/app/words"
)

// Mood is what one glance at the icon tells. Each has a picture in package assets.
type Mood string

// The moods, the most pressing first.
const (
	NeedsYou Mood = "needs-you" // a person must decide something
	Paused   Mood = "paused"    // everything rests, by a person's word or the settings
	Syncing  Mood = "syncing"   // something moves, or is looked at
	Offline  Mood = "offline"   // no agent, or nobody to sync with
	Idle     Mood = "idle"      // everything is as it should be
)

// devicesShown and recentShown keep the menu short: who wants more opens the window.
const (
	devicesShown = 6
	recentShown  = 3
)

// Face is what the tray shows of a view.
type Face struct {
	Mood    Mood
	Line    string   // the state in a few words: first line of the menu, and the tooltip
	Page    string   // the page of the window that tells more
	Devices []string // one line each
	Running bool     // there is an agent
	Resting bool     // a pause of everything can be ended
}

// NoAgent is the face while none runs.
func NoAgent(b words.Book) Face {
	return Face{Mood: Offline, Line: b.Say("Shoal is not running")}
}

// FaceOf returns what to show of a view at a moment. It follows from the view alone, never
// from what was notified: a message that was closed changes nothing.
func FaceOf(b words.Book, v status.View, now status.Moment) Face {
	f := Face{Running: true, Resting: v.Device.Paused != nil}
	f.Mood, f.Line, f.Page = mood(b, v, now)
	for i, d := range v.Devices {
		if i == devicesShown {
			f.Devices = append(f.Devices, b.Many(int64(len(v.Devices)-i), "and %s more", "and %s more"))
			break
		}
		state := b.Say("not connected")
		switch {
		case d.Paused != nil:
			state = b.Say("paused")
		case d.Connected:
			state = d.Route.Words(b)
		}
		f.Devices = append(f.Devices, b.Say("%s: %s", cut(d.Name), state))
	}
	return f
}

func mood(b words.Book, v status.View, now status.Moment) (Mood, string, string) {
	if n := len(v.Asking); n > 0 {
		return NeedsYou, b.Many(int64(n), "%s device asks to be linked", "%s devices ask to be linked"), "devices"
	}
	conflicts, held, calls := 0, 0, 0
	for _, f := range v.Folders {
		conflicts, held = conflicts+f.Conflicts, held+f.Held
		if f.State == status.NeedsYou {
			calls++
		}
	}
	switch {
	case held > 0:
		return NeedsYou, b.Many(int64(held), "%s delete waits for your yes", "%s deletes wait for your yes"), "held"
	case conflicts > 0:
		return NeedsYou, b.Many(int64(conflicts), "%s file was changed on two devices",
			"%s files were changed on two devices"), "conflicts"
	case calls > 0:
		return NeedsYou, b.Many(int64(calls), "%s folder needs you", "%s folders need you"), "folders"
	case v.Device.Paused != nil:
		return Paused, rest(b, *v.Device.Paused, now), "folders"
	}
	return going(b, v)
}

// going is the mood while nobody is asked for anything.
func going(b words.Book, v status.View) (Mood, string, string) {
	var done, total, need int64
	var left float64
	moving, resting, waiting := 0, 0, 0
	for _, f := range v.Folders {
		switch f.State {
		case status.Syncing, status.Scanning:
			moving++
		case status.Paused:
			resting++
		case status.Waiting:
			waiting++
		}
		need += f.NeedFiles
		if p := f.Progress; p != nil {
			done, total = done+p.BytesDone, total+p.BytesTotal
			left = max(left, float64(p.ETA))
		}
	}
	switch {
	case moving > 0:
		return Syncing, syncing(b, done, total, need, left), "transfers"
	case resting > 0 && resting == len(v.Folders):
		return Paused, b.Say("Paused"), "folders"
	case len(v.Folders) == 0:
		return Idle, b.Say("No folders yet"), "folders"
	case waiting > 0 && waiting+resting == len(v.Folders):
		return Offline, b.Say("No other device is connected"), "devices"
	}
	if same := len(v.Folders) - waiting - resting; same < len(v.Folders) {
		// Of the others nothing is known, and one word for all would say there is.
		return Idle, b.Say("%d of %d folders up to date", same, len(v.Folders)), "folders"
	}
	return Idle, b.Say("Up to date"), "folders"
}

func syncing(b words.Book, done, total, need int64, left float64) string {
	line := b.Say("Syncing")
	switch {
	case total > 0:
		// Rounded down: 100 % is only shown when nothing is left.
		line = b.Say("Syncing: %d %%", min(int64(float64(done)/float64(total)*100), 99))
	case need > 0:
		line = b.Many(need, "Syncing: %s file to go", "Syncing: %s files to go")
	}
	// Beyond a day the estimate says nothing that helps at one glance.
	if left >= 1 && left < 24*3600 {
		line += ", " + b.Say("%s left", b.Duration(time.Duration(left*float64(time.Second))))
	}
	return line
}

func rest(b words.Book, r status.Rest, now status.Moment) string {
	if r.Until.IsZero() || r.Until <= now {
		return b.Say("Paused")
	}
	return b.Say("Paused for another %s", b.Duration(r.Until.Sub(now).Round(time.Minute)))
}

// cut keeps a name short enough for a menu, and free of what a menu would not show.
func cut(name string) string {
	const most = 40
	name = status.Plain(name)
	if runes := []rune(name); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return name
}
