package config

import (
	"fmt"
	"strings"

	"github.com/shoal-sync/shoal/app/update"
)

const (
	// UpdateOff says to look nowhere for newer versions.
	UpdateOff = "off"
	// UpdateLinked says to look at linked devices.
	UpdateLinked = "linked"
)

// UpdatePlaces are the places that the setting names, none when it is off.
func UpdatePlaces(value string) []string {
	if value == UpdateOff {
		return nil
	}
	return strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
}

func checkUpdate(value string) error {
	if value == UpdateOff {
		return nil
	}
	places := UpdatePlaces(value)
	for _, place := range places {
		if place != UpdateLinked && !update.IsAddress(place) {
			return fmt.Errorf("%q: want off, linked, or the address of a list, such as https://example.org/RELEASE", place)
		}
	}
	if len(places) == 0 {
		return fmt.Errorf("%q: want off, linked, or the address of a list", value)
	}
	return nil
}
