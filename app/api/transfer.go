package api

import (
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
)

// TransferList asks what is still to come to this device, in one folder, or in all of them
// when Folder is empty. The result is Transfers.
type TransferList struct {
	Folder string `json:"folder,omitempty"`
}

// SpeedList asks how fast content has travelled lately. The result is Speeds.
type SpeedList struct {
	Span Span `json:"span"`
}

// Span is how far back somebody wants to look.
type Span string

// The spans. Hour and day are those before now, whatever the clock shows.
const (
	Hour Span = "hour"
	Day  Span = "day"
)

func (TransferList) intent() {}
func (SpeedList) intent()    {}

// Transfers are what is still to come, in the order in which it became known.
type Transfers struct {
	Queue []Transfer `json:"queue"` // the first of them
	// Files and Bytes count all of it.
	Files int64 `json:"files"`
	Bytes int64 `json:"bytes"`
}

// Transfer is one file that is still to come.
type Transfer struct {
	Folder     ident.FolderID `json:"folder"`
	FolderName string         `json:"folder_name"`
	Path       string         `json:"path"`
	Size       int64          `json:"size"`
}

// Speeds are rates over time, oldest first: the newest ends now.
type Speeds struct {
	StepSeconds int `json:"step_s"`
	// In and Out are bytes per second, the mean of each step. They begin when the agent did.
	In  []int64 `json:"in_bps"`
	Out []int64 `json:"out_bps"`
	// PeakIn and PeakOut are the highest rates of any second in that time, and when.
	PeakIn    int64         `json:"peak_in_bps"`
	PeakInAt  status.Moment `json:"peak_in_at"`
	PeakOut   int64         `json:"peak_out_bps"`
	PeakOutAt status.Moment `json:"peak_out_at"`
}
