package api

import (
	"strings"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
)

const (
	// SearchLimitUsual is how many results a Search has without a Limit.
	SearchLimitUsual = 100
	// SearchLimitMax is how many it has at most.
	SearchLimitMax = 1000
)

// Search looks for files, directories and links by words in their names, in all folders or
// in one, without regard to case and accents. One word has to be in the name, the others
// there or in its path; one of one or two characters has to begin the name where there is no
// longer word. Here asks no other device, which is answered within milliseconds, letter
// by letter. The result is a list of Match, what fits best first.
type Search struct {
	Words  []string `json:"words"`
	Folder string   `json:"folder,omitempty"`
	Limit  int      `json:"limit,omitempty"` // 0 for SearchLimitUsual
	Here   bool     `json:"here,omitempty"`
}

// Fetch brings a file that Search found: the Result of its Match. With To, the path of a
// directory, a copy of it is put there, which is made if need be; else it is waited for in
// its own place. The result is a Fetched.
type Fetch struct {
	Result string `json:"result"`
	To     string `json:"to,omitempty"`
}

func (Search) intent() {}
func (Fetch) intent()  {}

// Match is a name that was found.
type Match struct {
	// Result is what Fetch takes: the folder's name, or its id where the name would not
	// do, a colon and the path.
	Result     string         `json:"result"`
	Folder     ident.FolderID `json:"folder"`
	FolderName string         `json:"folder_name"`
	Path       string         `json:"path"`
	Kind       string         `json:"kind"` // file, dir or link
	Size       int64          `json:"size"`
	Modified   status.Moment  `json:"modified"`
	// Devices hold it, this one first if it does. Without any it is still on its way from a
	// device that is not connected.
	Devices []Device `json:"devices"`
}

// Fetched is a file that is here now.
type Fetched struct {
	Folder ident.FolderID `json:"folder"`
	Path   string         `json:"path"` // in the folder
	Size   int64          `json:"size"`
	At     string         `json:"at"` // the full path of the file, or of its copy
}

// ResultOf is the text that names a path of a folder in the results of a search.
func ResultOf(v status.View, f status.Folder, path string) string {
	name := f.Name
	if known, at, err := FindResult(v, name+":"+path); err != nil || known.ID != f.ID || at != path {
		name = f.ID.String()
	}
	return name + ":" + path
}

// FindResult finds the folder and the path that such a text names.
func FindResult(v status.View, text string) (status.Folder, string, error) {
	var failed error
	for at := 0; ; {
		colon := strings.IndexByte(text[at:], ':')
		if colon < 0 {
			if failed == nil {
				failed = Errorf(Usage, "%q is no result of a search: want FOLDER:PATH, as `shoal search` prints it", text)
			}
			return status.Folder{}, "", failed
		}
		at += colon + 1
		f, err := FindFolder(v, text[:at-1])
		if err == nil && at < len(text) {
			return f, text[at:], nil
		}
		if failed == nil && err != nil {
			failed = err
		}
	}
}
