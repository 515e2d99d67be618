package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"github.com/shoal-sync/shoal/sync/tree"
)

// Carry returns which traits this folder looks at and sets: those of Limits that this
// process may set.
func (f *Folder) Carry() tree.Carry { return carryHere(f.limits.Carry) }

// Traits looks at the traits of a file or directory. They are empty when it has gone, is a
// link, or cannot be asked: then nothing is known of them.
func (f *Folder) Traits(path string) tree.Traits {
	parent, name, err := f.parentOf(path)
	if err != nil {
		return ""
	}
	defer parent.release()
	file, err := parent.open(name, os.O_RDONLY)
	if err != nil {
		return ""
	}
	defer file.Close()
	traits, err := traitsOf(file, f.Carry())
	if err != nil {
		return ""
	}
	return traits
}

// addTraits gives a file or directory the traits that an order asks for, and notes in the
// look at it what it has then.
func (b *batch) addTraits(d *dir, name string, want tree.Traits, s *tree.Stat) error {
	if want == "" || !b.folder.Carry().Any() {
		return nil
	}
	file, err := d.open(name, os.O_RDONLY)
	if errors.Is(err, fs.ErrPermission) {
		return nil // it is not to be read by its own owner; its traits stay as they are
	}
	if err != nil {
		return err
	}
	defer file.Close()
	return b.setOpenTraits(file, d, name, want, s)
}

func (b *batch) setOpenTraits(file *os.File, d *dir, name string, want tree.Traits, s *tree.Stat) error {
	if want == "" || !b.folder.Carry().Any() {
		return nil
	}
	has, err := setTraits(file, want, b.folder.Carry())
	if err != nil {
		return d.wrap("set extended attributes of", name, err)
	}
	s.Traits = has.Mark()
	return nil
}

// CanCarry says why traits cannot be carried in the folder at a path; nil when they can.
func CanCarry(path string, c tree.Carry) error {
	here := carryHere(c)
	switch {
	case runtime.GOOS != "linux" && runtime.GOOS != "darwin":
		return fmt.Errorf("this system (%s) has no owners and extended attributes as others know them; "+
			"what others carry stays with them", runtime.GOOS)
	case c.Owners && !here.Owners:
		return errors.New("only an agent that runs as root may give files to other accounts; use xattrs")
	case !c.Attributes:
		return nil
	}
	file, err := os.CreateTemp(path, ".shoal-traits-*")
	if err != nil {
		return err
	}
	probe := tree.TraitSet{Attributes: map[string]string{"shoal.probe": "1"}}.Encode()
	kept, err := setTraits(file, probe, tree.Carry{Attributes: true})
	if err == nil && kept != probe {
		err = fmt.Errorf("the volume of %s keeps no extended attributes", path)
	}
	return errors.Join(err, file.Close(), os.Remove(file.Name()))
}
