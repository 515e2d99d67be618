package web

import "github.com/shoal-sync/shoal/app/status"

// comingMax is of how many files of a folder the page shows which pieces are here: a phone
// has room for these above the next folder.
const comingMax = 4

// coming returns the files on their way whose pieces are shown: the largest, once it is
// known how they are cut.
func coming(items []status.Item) (out []status.Item) {
	for _, item := range items {
		if item.Pieces > 0 && len(out) < comingMax {
			out = append(out, item)
		}
	}
	return out
}

// filled says how a part of a file is drawn of which so many percent are here.
func filled(percent int) string {
	switch {
	case percent >= 100:
		return "all"
	case percent >= 50:
		return "most"
	case percent > 0:
		return "some"
	}
	return ""
}
