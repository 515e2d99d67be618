package status

import (
	"github.com/shoal-sync/shoal/app/words"
	"github.com/shoal-sync/shoal/internal/ident"
)

// Offer is a folder that a linked device shares with this one, which keeps no copy of it
// yet. All of it is what that device says.
type Offer struct {
	Folder     ident.FolderID `json:"folder"`
	Name       string         `json:"name"`
	Device     ident.DeviceID `json:"device"`
	DeviceName string         `json:"device_name"`
	Role       Role           `json:"role"` // this device's, when it takes it
	Files      uint64         `json:"files"`
	Bytes      uint64         `json:"bytes"`
}

// OfferLines draws the folders that are offered, nothing when there are none.
func OfferLines(b words.Book, offers []Offer) []string {
	var lines []string
	for _, o := range offers {
		lines = append(lines,
			b.Say("%s shares %s with this device (%s, %s), as %s", Plain(o.DeviceName), Plain(o.Name),
				b.Files(int64(o.Files)), b.Bytes(int64(o.Bytes)), o.Role.Words(b)),
			"    "+b.Say("%s keeps it here, %s does not", "`shoal folder accept "+o.Folder.String()+"`",
				"`shoal folder decline "+o.Folder.String()+"`"))
	}
	return lines
}
