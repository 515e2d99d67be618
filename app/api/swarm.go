package api

import "github.com/shoal-sync/shoal/internal/ident"

// SwarmAsk asks who has what of a folder, and who sends it to whom. The result is a Swarm.
type SwarmAsk struct {
	Folder string `json:"folder"`
}

func (SwarmAsk) intent() {}

// Swarm shows how content moves between this device and the others of a folder.
type Swarm struct {
	ID    ident.FolderID `json:"id"`
	Name  string         `json:"name"`
	Peers []SwarmPeer    `json:"peers"`
	Items []SwarmItem    `json:"items"` // the largest first
	// More items are on their way that are not listed.
	More int `json:"more"`
}

// SwarmPeer is a device that shares the folder and is connected.
type SwarmPeer struct {
	Device ident.DeviceID `json:"device"`
	Name   string         `json:"name"`
	// Near devices exchange pieces with this one; of the others news only is heard.
	Near bool `json:"near"`
	// State is ok, or paused while it is not asked for being busy or slow, or banned for
	// having sent content that is not what it claims to be.
	State string `json:"state"`
	// Reason says what is wrong with it; empty when nothing is.
	Reason    string `json:"reason"`
	RateIn    int64  `json:"rate_in"` // bytes a second it sends of late
	AnswersMS int64  `json:"answers_ms"`
	Asked     int    `json:"asked"` // pieces on their way from it
	BytesIn   int64  `json:"bytes_in"`
	Waiting   int    `json:"waiting"` // pieces it waits for
	BytesOut  int64  `json:"bytes_out"`
}

// SwarmItem is a content on its way to this device.
type SwarmItem struct {
	Content string `json:"content"` // names its bytes
	Name    string `json:"name"`    // of a file that it is for
	Size    int64  `json:"size"`
	Pieces  int    `json:"pieces"` // 0 while it is not known how it is cut
	Have    int    `json:"have"`
	Asked   int    `json:"asked"`
	Holders int    `json:"holders"` // devices that have some of it
	Rarest  int    `json:"rarest"`  // devices that have the rarest piece lacking here
	// Map says of parts of the content, in order, how many percent of their pieces are here.
	Map []int `json:"map"`
}
