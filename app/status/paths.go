package status

import (
	"encoding/json"

	"github.com/shoal-sync/shoal/sync/names"
)

// Names on Linux are bytes and need not be text, which JSON demands: where they are none,
// paths are written with \xNN for a byte that is no character (names.Text).

// MarshalJSON writes the path as text.
func (p Problem) MarshalJSON() ([]byte, error) {
	type plain Problem
	p.Path = names.Text(p.Path)
	return json.Marshal(plain(p))
}

// MarshalJSON writes the path as text.
func (e Event) MarshalJSON() ([]byte, error) {
	type plain Event
	e.Path = names.Text(e.Path)
	return json.Marshal(plain(e))
}

// MarshalJSON writes the path as text.
func (p Progress) MarshalJSON() ([]byte, error) {
	type plain Progress
	p.Current = names.Text(p.Current)
	return json.Marshal(plain(p))
}
