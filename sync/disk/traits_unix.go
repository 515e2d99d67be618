//go:build linux || darwin

package disk

import (
	"errors"
	"os"
	"os/user"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/shoal-sync/shoal/sync/tree"
)

// attributePrefix is what this system has before the name of an attribute that people and
// their programs may set.
var attributePrefix = map[string]string{"linux": "user."}[runtime.GOOS]

// notCarried are attributes that say something of this copy alone: where it was downloaded
// from by whom, what a file server keeps beside it, and what is too large in any case.
var notCarried = []string{"com.apple.quarantine", "com.apple.provenance", "com.apple.ResourceFork",
	"com.apple.system.", "com.apple.decmpfs", "com.apple.lastuseddate", "com.apple.macl", "DOSATTRIB", "DosStream."}

// attributesMax bounds what is asked of one file, in bytes.
const attributesMax = 64 << 10

// carryHere leaves out what this process may not set: only the system's administrator gives
// files away.
func carryHere(c tree.Carry) tree.Carry {
	c.Owners = c.Owners && os.Geteuid() == 0
	return c
}

// traitsOf looks at the traits of an open file or directory.
func traitsOf(file *os.File, c tree.Carry) (tree.Traits, error) {
	var s tree.TraitSet
	if c.Owners {
		info, err := file.Stat()
		if err != nil {
			return "", err
		}
		sys, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return "", errors.ErrUnsupported
		}
		s.Owner, s.Group = accounts.name(sys.Uid, false), accounts.name(sys.Gid, true)
	}
	if c.Attributes {
		var err error
		if s.Attributes, err = attributesOf(file); err != nil {
			return "", err
		}
	}
	return s.Encode(), nil
}

// attributesOf reads the extended attributes of a file that are carried and not too large.
func attributesOf(file *os.File) (map[string]string, error) {
	found := map[string]string{}
	fd := int(file.Fd())
	list := make([]byte, 1024)
	n, err := unix.Flistxattr(fd, list)
	if errors.Is(err, unix.ERANGE) {
		list = make([]byte, attributesMax)
		n, err = unix.Flistxattr(fd, list)
	}
	if notOffered(err) {
		return found, nil // a volume that keeps none
	}
	if err != nil {
		return nil, err
	}
	value := make([]byte, tree.TraitValueMax)
	for full := range strings.SplitSeq(string(list[:n]), "\x00") {
		name, known := strings.CutPrefix(full, attributePrefix)
		if !known || !carried(name) {
			continue
		}
		switch m, err := unix.Fgetxattr(fd, full, value); {
		case err == nil:
			found[name] = string(value[:m])
		case !errors.Is(err, unix.ERANGE) && !errors.Is(err, noAttribute):
			return nil, err // neither too large nor taken away meanwhile
		}
	}
	return found, nil
}

// carried reports whether an attribute is one that is carried, whoever says it.
func carried(name string) bool {
	return name != "" && !slices.ContainsFunc(notCarried, func(own string) bool { return strings.HasPrefix(name, own) })
}

// giveAway gives an open file or directory to other accounts; -1 leaves one as it is. A file
// that runs as its owner does so no more: whoever set that may not have been the new one.
func giveAway(file *os.File, uid, gid int) error {
	if uid < 0 && gid < 0 {
		return nil
	}
	info, err := file.Stat()
	if err == nil && info.Mode().IsRegular() && info.Mode()&special != 0 {
		err = file.Chmod(info.Mode().Perm()) // before: not every system does it by itself
	}
	if err != nil {
		return err
	}
	return unix.Fchown(int(file.Fd()), uid, gid)
}

// setTraits gives an open file the traits that it is to have, as far as the volume keeps
// them, and returns those that it has then. Attributes that are not carried stay.
func setTraits(file *os.File, want tree.Traits, c tree.Carry) (tree.Traits, error) {
	was, err := traitsOf(file, c)
	if err != nil || was == want {
		return was, err
	}
	has, _ := was.Set()
	s, ok := want.Set()
	if !ok {
		return was, errors.New("bug: an order with traits that are none")
	}
	fd := int(file.Fd())
	if c.Owners && (s.Owner != has.Owner || s.Group != has.Group) {
		err := giveAway(file, accounts.id(s.Owner, false), accounts.id(s.Group, true))
		if err != nil && !forgiven(err) {
			return was, err
		}
	}
	if !c.Attributes {
		return traitsOf(file, c)
	}
	for name := range has.Attributes {
		if _, stays := s.Attributes[name]; stays {
			continue
		}
		if err := unix.Fremovexattr(fd, attributePrefix+name); err != nil && !forgiven(err) {
			return was, err
		}
	}
	for name, value := range s.Attributes {
		if old, there := has.Attributes[name]; there && old == value || !carried(name) {
			continue
		}
		if err := unix.Fsetxattr(fd, attributePrefix+name, []byte(value), 0); err != nil && !forgiven(err) {
			return was, err
		}
	}
	return traitsOf(file, c)
}

// forgiven reports errors for which a file is not left out: the volume has no room for so
// many traits or keeps none, or they are not permitted on this file. The record keeps them.
func forgiven(err error) bool {
	for _, e := range []error{unix.EPERM, unix.EACCES, unix.ENOSPC, unix.E2BIG, unix.ERANGE, unix.EINVAL,
		unix.ENAMETOOLONG, noAttribute} {
		if errors.Is(err, e) {
			return true
		}
	}
	return notOffered(err)
}

// accountBook remembers how accounts are called: to look one up reads a file.
type accountBook struct {
	mu    sync.Mutex
	names map[string]string
	ids   map[string]int
}

var accounts = accountBook{names: map[string]string{}, ids: map[string]int{}}

// accountsMax bounds the book; then it is begun anew.
const accountsMax = 10_000

func (b *accountBook) name(id uint32, group bool) string {
	number := strconv.FormatUint(uint64(id), 10)
	key := number + strconv.FormatBool(group)
	b.mu.Lock()
	defer b.mu.Unlock()
	if known, ok := b.names[key]; ok {
		return known
	}
	name := "#" + number
	if group {
		if g, err := user.LookupGroupId(number); err == nil {
			name = g.Name
		}
	} else if u, err := user.LookupId(number); err == nil {
		name = u.Username
	}
	if len(b.names) >= accountsMax {
		clear(b.names)
	}
	b.names[key] = name
	return name
}

// id returns the number of an account, -1 when there is none of that name: then who owns the
// file stays as it is.
func (b *accountBook) id(name string, group bool) int {
	if number, is := strings.CutPrefix(name, "#"); is {
		name = number
	} else {
		b.mu.Lock()
		defer b.mu.Unlock()
		key := name + "/" + strconv.FormatBool(group)
		if known, ok := b.ids[key]; ok {
			return known
		}
		found := ""
		if group {
			if g, err := user.LookupGroup(name); err == nil {
				found = g.Gid
			}
		} else if u, err := user.Lookup(name); err == nil {
			found = u.Uid
		}
		if len(b.ids) >= accountsMax {
			clear(b.ids)
		}
		b.ids[key] = numberOf(found)
		return b.ids[key]
	}
	return numberOf(name)
}

func numberOf(text string) int {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return -1
	}
	return int(n)
}
