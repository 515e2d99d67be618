package api

import "github.com/shoal-sync/shoal/internal/ident"

// IgnoreRead asks for the ignore patterns of a folder as they are written. The result is
// an IgnoreTexts.
type IgnoreRead struct {
	Folder string `json:"folder"`
}

// IgnoreWrite replaces the ignore patterns of a folder. The result is the IgnoreTexts that
// are written now.
type IgnoreWrite struct {
	Folder string      `json:"folder"`
	Texts  IgnoreTexts `json:"texts"`
	// Was is what the person saw before. Texts that are others by now are not replaced.
	Was IgnoreTexts `json:"was"`
}

// IgnorePreview asks what patterns would leave alone, were they written. The result is an
// Ignores.
type IgnorePreview struct {
	Folder string `json:"folder"`
	Shared string `json:"shared"`
	Own    string `json:"own"`
}

func (IgnoreRead) intent()    {}
func (IgnoreWrite) intent()   {}
func (IgnorePreview) intent() {}

// IgnoreTexts are the patterns of a folder, in the syntax of gitignore: those in its
// .shoalignore, which travel, and those of this device alone, which win.
type IgnoreTexts struct {
	Shared string `json:"shared"`
	Own    string `json:"own"`
}

// Ignores says what patterns leave alone.
type Ignores struct {
	Folder ident.FolderID `json:"folder"`
	// Names counts the files and directories that are matched, each directory once with
	// all that is in it; All counts what was looked at.
	Names int `json:"names"`
	All   int `json:"all"`
	// Bytes is the size of the matched files, without what lies in matched directories.
	Bytes int64 `json:"bytes"`
	// Paths are the first of them; that of a directory ends in a slash.
	Paths []string `json:"paths"`
	// Partial is set when the folder is so large that only part of it was looked at.
	Partial bool `json:"partial"`
}
