package status

import "github.com/shoal-sync/shoal/internal/ident"

const (
	// ItemsShown is how many files on their way a folder shows, the largest first, and
	// SendersShown how many devices.
	ItemsShown, SendersShown = 8, 20
)

// Moving is what comes to a folder piece by piece, and from whom.
type Moving struct {
	Items []Item   `json:"items"`
	Peers []Sender `json:"peers"`
	// More files are on their way that are not shown.
	More int `json:"more"`
}

// Item is a file on its way here.
type Item struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	Pieces int    `json:"pieces"` // 0 while it is not known how it is cut
	Have   int    `json:"have"`
	// Holders is how many devices have some of it.
	Holders int `json:"holders"`
	// Map says of parts of the file, in order, how many percent of their pieces are here.
	Map []int `json:"map"`
}

// Sender is a device that pieces come from, or go to.
type Sender struct {
	Device ident.DeviceID `json:"device"`
	Name   string         `json:"name"`
	RateIn int64          `json:"rate_in"` // bytes a second of late
	// Asked is how many pieces are on their way from it, Waiting how many it waits for.
	Asked   int `json:"asked"`
	Waiting int `json:"waiting"`
}
