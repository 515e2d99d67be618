package config

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/shoal-sync/shoal/internal/ident"
)

// placesName is the file that remembers where devices were reached. It holds hints only:
// it may be deleted at any time.
const placesName = "places.json"

// placesMax bounds that file: 10,000 devices with 16 addresses.
const placesMax = 16 << 20

// Places returns where devices were reached in earlier runs. A file that cannot be read is
// worth no more than none.
func (h *Home) Places() (map[ident.DeviceID][]netip.AddrPort, error) {
	path := filepath.Join(h.dir, placesName)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && info.Size() > placesMax {
		err = errors.New("it is too long")
	}
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var places map[ident.DeviceID][]netip.AddrPort
	return places, json.Unmarshal(text, &places)
}

// SavePlaces remembers where devices were reached.
func (h *Home) SavePlaces(places map[ident.DeviceID][]netip.AddrPort) error {
	text, err := json.Marshal(places)
	if err != nil {
		return err
	}
	return writeDurably(filepath.Join(h.dir, placesName), append(text, '\n'))
}
