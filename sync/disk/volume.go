package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/shoal-sync/shoal/sync/names"
)

// probeName is the private directory in which names are tried out.
const probeName = "probe"

// Volume finds out what names the volume of the folder holds and which it takes for one,
// by making such names in the private directory; it takes a few milliseconds. Where that
// is not possible, as on a volume that cannot be written, it returns what is known of the
// volumes of this system, and why. It is called before anything else is done to the folder.
//
// Some file systems are asked about each directory anew (ext4 with casefold, NTFS): what
// is found out is true of the folder's top and of all that inherits from it.
func (f *Folder) Volume() (names.Volume, error) {
	known := systemVolume
	f.modeless = known.NoModes
	d, err := f.private.makeSub(probeName)
	if err != nil {
		return known, fmt.Errorf("try out names in %q: %w", f.path, err)
	}
	defer d.release()
	p := prober{dir: d, volume: known}
	p.clear() // what an earlier run left
	p.probe()
	p.clear()
	p.note(f.private.rmdir(probeName))
	if p.err != nil {
		return known, fmt.Errorf("try out names in %q: %w", f.path, p.err)
	}
	f.modeless = p.volume.NoModes
	return p.volume, nil
}

// prober tries out one volume. After the first error that says nothing of names it goes
// on for nothing: what it found is not believed.
type prober struct {
	dir    *dir
	volume names.Volume
	err    error
}

func (p *prober) note(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *prober) probe() {
	if !p.keeps("plain") {
		p.note(errors.New("a plain file could not be made"))
		return
	}
	v := &p.volume
	p.probeCase()
	v.Forms = p.same("form-\u00e9", "form-e\u0301")
	v.TextOnly = v.TextOnly || !p.keeps("text-\xff")
	p.probeCharacters()
	v.NoLastDot = v.NoLastDot || !p.keeps("dot.")
	v.NoLastSpace = v.NoLastSpace || !p.keeps("space ")
	v.NoDevices = v.NoDevices || !p.keeps("nul") || !p.keeps("aux.txt")
	p.probeLength()
	v.NoLinks = p.dir.symlink("nowhere", "link") != nil
	v.NoModes = v.NoModes || !p.keepsModes()
}

func (p *prober) probeCase() {
	v := &p.volume
	switch {
	case !p.same("case-A", "CASE-a"):
		v.Case = names.CaseExact
	case p.same("case-ß", "case-ss"):
		v.Case = names.CaseFull
	case p.same("case-É", "case-é"):
		v.Case = names.CaseSimple
	default:
		v.Case = names.CaseASCII
	}
	v.ForgetsCase = v.Case != names.CaseExact && !p.keeps("Mixed-Case")
}

func (p *prober) probeCharacters() {
	v := &p.volume
	v.NoControls = v.NoControls || !p.keeps("control-\x01")
	for _, c := range `"*:<>?\|` {
		if v.Refusal(string(c)) == "" && !p.keeps("character-"+string(c)) {
			v.Refused += string(c)
		}
	}
}

// probeLength looks for the longest name; most volumes hold the longest that there are.
func (p *prober) probeLength() {
	long := slices.Repeat([]byte{'n'}, 255)
	if p.keeps(string(long)) {
		return
	}
	least, most := len("plain"), len(long) // least is held, most is not
	for most-least > 1 {
		middle := (least + most) / 2
		if p.keeps(string(long[:middle])) {
			least = middle
		} else {
			most = middle
		}
	}
	p.volume.BytesMax = least
}

func (p *prober) keepsModes() bool {
	const name = "modes"
	if p.dir.writeNew(name, nil) != nil {
		return false
	}
	for _, mode := range []uint32{0o600, 0o751} {
		if p.dir.chmodPrivate(name, mode) != nil {
			return false
		}
		if s, err := p.dir.look(name); err != nil || s.Mode != mode {
			return false
		}
	}
	return true
}

// keeps reports whether a file of this name can be made and is listed by it.
func (p *prober) keeps(name string) bool {
	if p.err != nil || p.dir.writeNew(name, nil) != nil {
		return false
	}
	listed, err := p.dir.names()
	p.note(err)
	p.note(p.dir.unlink(name))
	return slices.Contains(listed, name)
}

// same reports whether a file is found under another name than it was made with.
func (p *prober) same(name, other string) bool {
	if p.err != nil || p.dir.writeNew(name, nil) != nil {
		return false
	}
	_, err := p.dir.look(other)
	p.note(p.dir.unlink(name))
	return err == nil
}

// clear empties the directory.
func (p *prober) clear() {
	left, err := p.dir.names()
	p.note(err)
	for _, name := range left {
		if err := p.dir.unlink(name); !errors.Is(err, fs.ErrNotExist) {
			p.note(err)
		}
	}
}
