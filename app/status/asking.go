package status

import (
	"github.com/shoal-sync/shoal/app/words"
	"github.com/shoal-sync/shoal/internal/ident"
)

// Asking is a device that is not trusted and asks to be: its person picked this one from
// those nearby, or added it by its id. The key that belongs to the id is proven, the name
// is what it says of itself.
type Asking struct {
	ID      ident.DeviceID `json:"id"`
	Name    string         `json:"name"`
	Address string         `json:"address"` // HOST:PORT it called from
	// Words are to be the same on the other screen. They are empty for a device that was
	// told to trust this one by its id: then compare the id.
	Words string `json:"words"`
	// Offers are names of folders it is ready to share.
	Offers []string `json:"offers"`
	Until  Moment   `json:"until"`
	Asking bool     `json:"asking"` // always true: it tells these from devices in one list
}

// AskingLines draws the devices that ask, nothing when there are none.
func AskingLines(b words.Book, asking []Asking, now Moment) []string {
	var lines []string
	for _, a := range asking {
		name := Plain(a.Name)
		if name == "" {
			name = b.Say("a device")
		}
		lines = append(lines, b.Say("%s (%s, at %s) asks to be linked", name, a.ID.Short(), Plain(a.Address)))
		if a.Words != "" {
			lines = append(lines, "    "+b.Say("the words on its screen must be: %s", a.Words))
		} else {
			lines = append(lines, "    "+b.Say("its id must be: %s", a.ID))
		}
		if len(a.Offers) > 0 {
			lines = append(lines, "    "+b.Say("it offers: %s", joined(a.Offers)))
		}
		lines = append(lines, "    "+b.Say("%s links it, %s refuses (%s left)",
			"`shoal device approve "+a.ID.Short()+"`", "`shoal device remove "+a.ID.Short()+"`",
			b.Duration(a.Until.Sub(now))))
	}
	return lines
}

func joined(names []string) (out string) {
	for i, n := range names {
		if i > 0 {
			out += ", "
		}
		out += Plain(n)
	}
	return out
}
