//go:build !darwin || cgo

package desktop

import (
	"slices"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/app/status"
)

// settings is the page of what one person may want otherwise than another.
type settings struct {
	w    *Window
	head *header
	list *fyne.Container
	root fyne.CanvasObject
	load loader
	rows map[string]*settingRow
}

func newSettings(w *Window) *settings {
	p := &settings{w: w, list: kit.Col(14), rows: map[string]*settingRow{}}
	p.head = newHeader(say("Settings"))
	p.root = scrolled(p.head.box, p.list)
	return p
}

func (p *settings) content() fyne.CanvasObject { return p.root }

func (p *settings) update() { p.load.when(p.w, "", p.ask) }

func (p *settings) ask() {
	var all []status.Setting
	p.w.ask(api.SettingList{}, &all, func(err error) {
		p.load.done()
		if err != nil {
			p.head.line.Set(err.Error())
			return
		}
		p.head.line.Set(say("Changes hold at once, unless it says otherwise."))
		p.arrange(all)
	})
}

// chapter is settings that belong together.
type chapter struct {
	title string
	keys  []string
}

// chapters say in which order settings are shown. What no chapter names comes last.
func chapters() []chapter {
	return []chapter{
		{say("This device"), []string{"name", "appearance", "text_size", "language", "autostart"}},
		{say("How much it may use"), []string{"limit_up", "limit_down", "limit_lan", "on_metered", "on_battery"}},
		{say("How devices are found"), []string{"listen", "mdns", "mdns_name", "rendezvous", "stun", "proxy"}},
		{say("Log"), []string{"log_level", "log_format", "log_file"}},
	}
}

func (p *settings) arrange(all []status.Setting) {
	p.rows = map[string]*settingRow{}
	left := slices.Clone(all)
	var cards []fyne.CanvasObject
	add := func(title string, list []status.Setting) {
		if len(list) == 0 {
			return
		}
		rows := kit.Col(14, kit.NewText(title, kit.Look{Size: kit.Name, Strong: true}))
		for _, s := range list {
			row := newSettingRow(p, s)
			p.rows[s.Key] = row
			rows.Add(row.box)
		}
		cards = append(cards, kit.Card(rows))
	}
	for _, c := range chapters() {
		var list []status.Setting
		for _, key := range c.keys {
			if i := slices.IndexFunc(left, func(s status.Setting) bool { return s.Key == key }); i >= 0 {
				list = append(list, left[i])
				left = slices.Delete(left, i, i+1)
			}
		}
		add(c.title, list)
	}
	add(say("More"), left)
	p.list.Objects = cards
	p.list.Refresh()
}

// settingRow shows one setting: what it is for on the left, its value on the right.
type settingRow struct {
	page  *settings
	known status.Setting
	note  *kit.Text
	box   *fyne.Container
	// changed says that a person here has chosen another value since the window was opened.
	changed bool
}

// settingWidth is the room for the value of a setting.
const settingWidth = 300

func newSettingRow(p *settings, s status.Setting) *settingRow {
	r := &settingRow{page: p, known: s, note: kit.NewText("", kit.Look{Size: kit.Small, Ink: kit.Muted, Elide: kit.End})}
	text := kit.Col(2, kit.NewText(settingName(s.Key), kit.Look{Strong: true}),
		kit.NewPara(settingSays(s), kit.Look{Size: kit.Small, Ink: kit.Muted}))
	r.remark()
	r.box = kit.Bar(24, 0, text, kit.Fixed(settingWidth, 0, kit.Col(3, r.control(), r.note)))
	return r
}

// remark says what a person should know of the value as it stands.
func (r *settingRow) remark() {
	s := r.known
	switch {
	case s.Override != "":
		r.note.Set(say("this run: %s, from the command line", s.Override))
	case s.Restart, s.Key == "language" && r.changed:
		// An open window goes on in the language it was drawn in.
		r.note.Set(say("holds after a restart"))
	default:
		r.note.Set("")
	}
	show(r.note, r.note.Content() != "")
}

func (r *settingRow) control() fyne.CanvasObject {
	s := r.known
	words := choices(s.Key)
	if words == nil && (s.Default == "on" || s.Default == "off") {
		words = []choice{{"on", say("On")}, {"off", say("Off")}}
	}
	if words == nil {
		entry := kit.NewEntry(settingName(s.Key))
		entry.SetText(s.Value)
		save := kit.SignButton("check", say("Save"), func() { entry.OnSubmitted(entry.Text) })
		save.Off(true)
		entry.OnChanged = func(text string) { save.Off(strings.TrimSpace(text) == r.known.Value) }
		entry.OnSubmitted = func(text string) { r.put(strings.TrimSpace(text), func() { entry.SetText(r.known.Value) }) }
		return kit.Bar(4, 0, entry, save)
	}
	at := slices.IndexFunc(words, func(c choice) bool { return c.value == s.Value })
	if len(words) <= 3 {
		var labels []string
		for _, c := range words {
			labels = append(labels, c.text)
		}
		var tabs *kit.Tabs
		tabs = kit.NewTabs(labels, func(i int) {
			r.put(words[i].value, func() {
				tabs.Show(slices.IndexFunc(words, func(c choice) bool { return c.value == r.known.Value }))
			})
		})
		tabs.Show(at)
		return container.NewHBox(tabs.Box)
	}
	var labels []string
	for _, c := range words {
		labels = append(labels, c.text)
	}
	pick := widget.NewSelect(labels, nil)
	if at >= 0 {
		pick.SetSelectedIndex(at)
	}
	pick.OnChanged = func(string) {
		r.put(words[pick.SelectedIndex()].value, func() {
			// A refused value is not what holds.
			if at := slices.IndexFunc(words, func(c choice) bool { return c.value == r.known.Value }); at >= 0 {
				pick.SetSelectedIndex(at)
			}
		})
	}
	return kit.Framed(pick)
}

// put changes the setting; back shows the old value again when that fails.
func (r *settingRow) put(value string, back func()) {
	if value == r.known.Value {
		return
	}
	var change api.SettingChange
	r.page.w.ask(api.SettingSet{Key: r.known.Key, Value: value}, &change, func(err error) {
		if err != nil {
			r.page.w.complain(err)
		} else {
			r.known, r.changed = change.Setting, true
			r.remark()
			r.page.w.settingChanged(change.Setting)
		}
		if back != nil {
			back()
		}
	})
}

// choice is one value of a setting and what people call it.
type choice struct{ value, text string }

// choices lists the values of a setting that has few.
func choices(key string) []choice {
	switch key {
	case "on_metered", "on_battery":
		return []choice{{"pause", say("Pause")}, {"go-on", say("Go on")}}
	case "appearance":
		return []choice{{"system", say("As the system")}, {"light", say("Light")}, {"dark", say("Dark")}}
	case "text_size":
		return []choice{{"90", "90 %"}, {"100", "100 %"}, {"115", "115 %"}, {"130", "130 %"}, {"150", "150 %"}, {"200", "200 %"}}
	case "language":
		return []choice{{"system", say("As the system")}, {"en", "English"}, {"de", "Deutsch"}, {"es", "Español"},
			{"fr", "Français"}, {"zh-Hans", "简体中文"}, {"ja", "日本語"}}
	case "log_format":
		return []choice{{"text", say("Text")}, {"json", "JSON"}}
	case "log_level":
		return []choice{{"warn", say("Little")}, {"info", say("Usual")}, {"debug", say("All")}}
	}
	return nil
}

// settingName says what a setting is called; one of a newer agent has its key as a name.
func settingName(key string) string {
	switch key {
	case "name":
		return say("Name of this device")
	case "appearance":
		return say("Appearance")
	case "text_size":
		return say("Size of text")
	case "language":
		return say("Language")
	case "autostart":
		return say("Start at login")
	case "listen":
		return say("Address it listens at")
	case "mdns":
		return say("Find devices on the local network")
	case "mdns_name":
		return say("Show this device's name nearby")
	case "limit_up":
		return say("Most to send")
	case "limit_down":
		return say("Most to receive")
	case "limit_lan":
		return say("Limits hold on the local network too")
	case "on_metered":
		return say("When the network is paid by the byte")
	case "on_battery":
		return say("When on battery")
	case "proxy":
		return say("Proxy")
	case "rendezvous":
		return say("Meeting servers")
	case "stun":
		return say("Servers that tell the address outside")
	case "through_nat":
		return say("Reach devices through routers")
	case "port_mapping":
		return say("Ask the router to let calls in")
	case "web":
		return say("Web page")
	case "log_file":
		return say("Log file")
	case "log_format":
		return say("Form of the log")
	case "log_level":
		return say("How much is logged")
	}
	return key
}

// settingSays explains a setting.
func settingSays(s status.Setting) string {
	switch s.Key {
	case "name":
		return say("What your other devices call this one.")
	case "appearance":
		return say("Light, dark, or as the rest of your desktop is.")
	case "text_size":
		return say("Larger text for tired eyes, smaller for small screens.")
	case "limit_up", "limit_down":
		return say("A rate such as 2MB/s or 20Mbit/s, also by hours: 2MB/s 08:00-18:00 Mon-Fri, 10MB/s. unlimited is none.")
	case "on_metered", "on_battery":
		return say("Whether folders rest then. The disk is still looked at.")
	}
	return strings.ToUpper(s.Says[:min(1, len(s.Says))]) + s.Says[min(1, len(s.Says)):] + "."
}

// settingChanged lets a setting of the window itself hold at once.
func (w *Window) settingChanged(s status.Setting) {
	switch s.Key {
	case "appearance":
		w.look.Appearance = kit.Appearance(s.Value)
	case "text_size":
		if n, err := strconv.Atoi(strings.TrimSuffix(s.Value, "%")); err == nil {
			w.look.TextSize = n
		}
	default:
		return
	}
	w.dress()
}

// dress draws everything in the look that was chosen.
func (w *Window) dress() {
	fyne.CurrentApp().Settings().SetTheme(kit.NewTheme(w.look.Appearance, w.look.TextSize))
}
