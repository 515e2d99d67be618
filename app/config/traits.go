package config

import (
	"fmt"

	"github.com/shoal-sync/shoal/sync/tree"
)

// CarryOf says which traits of files a folder carries: none unless a person asked for it.
func CarryOf(text string) tree.Carry {
	return map[string]tree.Carry{
		"xattrs": {Attributes: true}, "owners": {Owners: true}, "all": {Owners: true, Attributes: true},
	}[text]
}

// CheckTraits says what is wrong with a text for CarryOf.
func CheckTraits(text string) error {
	if text == "" || CarryOf(text).Any() {
		return nil
	}
	return fmt.Errorf("traits %q: want off, xattrs, owners or all", text)
}
