package handover

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

const (
	// itemsMax bounds how many files and directories are sent at once.
	itemsMax = 1_000_000
	// nameMax bounds a path in bytes, as most systems do.
	nameMax = 4096
	// listPart is about how many bytes of the list are sent at once.
	listPart = 64 << 10
	// listMax bounds the whole list in bytes, as it is sent.
	listMax = 256 << 20
)

// Item is one thing that is sent.
type Item struct {
	Path string `json:"path"` // with slashes; its first part is the name of what was sent
	Kind string `json:"kind"` // file, dir or link
	Size int64  `json:"size,omitempty"`
	Mode uint32 `json:"mode,omitempty"` // permissions
	Time int64  `json:"time,omitempty"` // unix nanoseconds
	Link string `json:"link,omitempty"` // where a link leads

	from string // on the sender's disk
}

// The kinds of items.
const (
	kindFile = "file"
	kindDir  = "dir"
	kindLink = "link"
)

// List is all that is sent.
type List struct {
	Items []Item
	Files int
	Bytes int64
	// Skipped tells, for people, what is neither a file nor a directory nor a link, or has a
	// name that is no text.
	Skipped []string
}

// Gather lists what lies at some paths.
func Gather(paths []string) (*List, error) {
	l := &List{}
	names := map[string]string{}
	for _, p := range paths {
		abs, err := filepath.Abs(p)
		if err != nil {
			return nil, err
		}
		name := filepath.Base(abs)
		if other, ok := names[name]; ok {
			return nil, fmt.Errorf("both %s and %s are called %q: send them one after the other", other, p, name)
		}
		names[name] = p
		if abs, err = filepath.EvalSymlinks(abs); err != nil { // what is named is meant, not a link to it
			return nil, err
		}
		if err := l.add(abs, name); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (l *List) add(root, name string) error {
	return filepath.WalkDir(root, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, at)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		item := Item{
			Path: path.Join(name, filepath.ToSlash(rel)), Mode: uint32(info.Mode().Perm()),
			Time: info.ModTime().UnixNano(), from: at,
		}
		switch {
		case !utf8.ValidString(item.Path): // it would arrive under another name
			l.Skipped = append(l.Skipped, at+" (its name is not UTF-8)")
			if info.IsDir() {
				return fs.SkipDir
			}
			return nil
		case info.Mode().IsRegular():
			item.Kind, item.Size = kindFile, info.Size()
			l.Files++
			l.Bytes += item.Size
		case info.IsDir():
			item.Kind = kindDir
		case info.Mode()&fs.ModeSymlink != 0:
			item.Kind = kindLink
			if item.Link, err = os.Readlink(at); err != nil {
				return err
			}
		default:
			l.Skipped = append(l.Skipped, at)
			return nil
		}
		if l.Items = append(l.Items, item); len(l.Items) > itemsMax {
			return fmt.Errorf("more than %d files and directories: send them in parts", itemsMax)
		}
		return nil
	})
}

// send tells the other side what there is.
func (l *List) send(to *line) error {
	for rest := l.Items; len(rest) > 0; {
		size, n := 0, 0
		for n < len(rest) && size < listPart {
			size += 100 + len(rest[n].Path) + len(rest[n].Link)
			n++
		}
		text, err := json.Marshal(rest[:n])
		if err != nil {
			return err
		}
		if err := to.say(sayList, text); err != nil {
			return err
		}
		rest = rest[n:]
	}
	if err := to.say(sayListed); err != nil {
		return err
	}
	return to.flush()
}

// hearList takes in what there is, and refuses what must not be put anywhere.
func hearList(from *line) (*List, [32]byte, error) {
	l := &List{}
	sum := sha256.New()
	seen := map[string]string{}
	size := 0
	for {
		kind, body, err := from.hear()
		if err != nil {
			return nil, [32]byte{}, err
		}
		if kind == sayListed {
			return l, [32]byte(sum.Sum(nil)), nil
		}
		var part []Item
		size += len(body)
		if kind != sayList || size > listMax || json.Unmarshal(body, &part) != nil || len(part) == 0 ||
			len(l.Items)+len(part) > itemsMax {
			return nil, [32]byte{}, errRules
		}
		sum.Write(body)
		for _, item := range part {
			if err := item.check(seen); err != nil {
				return nil, [32]byte{}, err
			}
			if item.Kind == kindFile {
				l.Files++
				if l.Bytes += item.Size; l.Bytes < 0 {
					return nil, [32]byte{}, errRules // more than there is in the world
				}
			}
			l.Items = append(l.Items, item)
		}
	}
}

var errPath = errors.New("the list names a place outside of what is sent, or one twice: nothing was taken")

// check refuses an item that would lie outside, or below what is no directory. Seen holds
// the kinds of those before it.
func (i Item) check(seen map[string]string) error {
	parent := path.Dir(i.Path)
	switch {
	case i.Path == "" || i.Path == "." || len(i.Path) > nameMax, i.Path != path.Clean(i.Path),
		!filepath.IsLocal(filepath.FromSlash(i.Path)), strings.Contains(i.Path, "\x00"),
		strings.HasPrefix(i.Path, stagingPrefix), // it would pass for what a later try begins with
		seen[i.Path] != "", parent != "." && seen[parent] != kindDir:
		return errPath
	case i.Kind != kindFile && i.Kind != kindDir && i.Kind != kindLink, i.Size < 0, len(i.Link) > nameMax:
		return errRules
	}
	seen[i.Path] = i.Kind
	return nil
}

// Names lists what was named when sending, with a slash behind directories.
func (l *List) Names() (out []string) {
	for _, i := range l.Items {
		if !strings.Contains(i.Path, "/") {
			name := i.Path
			if i.Kind == kindDir {
				name += "/"
			}
			out = append(out, name)
		}
	}
	return out
}
