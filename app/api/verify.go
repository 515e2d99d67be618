package api

import "github.com/shoal-sync/shoal/internal/ident"

// FolderVerify reads every file of a folder and compares it with what it should hold. What
// the disk has damaged is fetched again. The result is a Verified.
type FolderVerify struct {
	Folder string `json:"folder"`
}

func (FolderVerify) intent() {}

// Verified says what a verification has found.
type Verified struct {
	ID    ident.FolderID `json:"id"`
	Name  string         `json:"name"`
	Files int64          `json:"files"` // read
	Bytes int64          `json:"bytes"`
	// Damaged hold other bytes than they should although nobody wrote to them.
	Damaged []string `json:"damaged"`
	// Unreadable could not be read; Changed were written to meanwhile and are looked at.
	Unreadable []string `json:"unreadable"`
	Changed    int64    `json:"changed"`
}
