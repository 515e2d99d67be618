//go:build !linux && !darwin

package disk

import (
	"errors"
	"os"

	"github.com/shoal-sync/shoal/sync/tree"
)

func carryHere(tree.Carry) tree.Carry { return tree.Carry{} }

func traitsOf(*os.File, tree.Carry) (tree.Traits, error) { return "", errors.ErrUnsupported }

func setTraits(*os.File, tree.Traits, tree.Carry) (tree.Traits, error) {
	return "", errors.ErrUnsupported
}
