package tree

import (
	"hash/fnv"
	"slices"
	"strings"
)

// Traits are what a file or directory has besides its permissions and time, where a folder
// carries it: who owns it, and its extended attributes. They are one canonical byte string,
// so that equal traits are equal strings; the empty one means that nobody has said any.
//
//	form 1: 1 | owner: length, name | group: length, name
//	each attribute: length, name | length, value; names strictly increasing
//
// Lengths are unsigned varints. Owner and group are names of accounts, or "#" and a number
// where an account has no name; both are empty where they were not looked at. An
// attribute's name is without the "user." that Linux has before it, so that macOS knows it.
type Traits string

// NoTraits says that there are none.
const NoTraits Traits = "\x01\x00\x00"

// Limits of traits. What is beyond them is not carried, and left alone where it is.
const (
	TraitsMax     = 4096 // bytes of all
	TraitValueMax = 1024 // bytes of one attribute's value
	TraitNameMax  = 255
	OwnerMax      = 64 // bytes of an account's name
)

// Carry says which traits a device looks at and sets.
type Carry struct{ Owners, Attributes bool }

// Any reports whether anything is carried.
func (c Carry) Any() bool { return c.Owners || c.Attributes }

// TraitSet is traits taken apart.
type TraitSet struct {
	Owner, Group string
	Attributes   map[string]string
}

// Encode puts traits together. Attributes beyond the limits are left out: those that are too
// large, and, of all, those with the last names.
func (s TraitSet) Encode() Traits {
	b := []byte{1}
	for _, account := range []string{s.Owner, s.Group} {
		if len(account) > OwnerMax {
			account = ""
		}
		b = appendText(b, account)
	}
	names := make([]string, 0, len(s.Attributes))
	for name := range s.Attributes {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		value := s.Attributes[name]
		next := appendText(appendText(b, name), value)
		if name == "" || len(name) > TraitNameMax || len(value) > TraitValueMax || len(next) > TraitsMax {
			continue
		}
		b = next
	}
	return Traits(b)
}

// Set takes traits apart; false when they are not in the one form.
func (t Traits) Set() (s TraitSet, ok bool) {
	if t == "" {
		return s, true
	}
	if len(t) > TraitsMax || t[0] != 1 {
		return s, false
	}
	d := decoder{rest: []byte(t[1:])}
	s.Owner, s.Group = d.text(OwnerMax), d.text(OwnerMax)
	s.Attributes = map[string]string{}
	for len(d.rest) > 0 {
		name := d.text(TraitNameMax)
		s.Attributes[name] = d.text(TraitValueMax)
	}
	return s, d.wrong == "" && s.Encode() == t
}

// Only returns the traits that a device carries; empty when nobody has said any.
func (t Traits) Only(c Carry) Traits {
	s, _ := t.Set()
	if t == "" || !c.Any() {
		return ""
	}
	if !c.Owners {
		s.Owner, s.Group = "", ""
	}
	if !c.Attributes {
		s.Attributes = nil
	}
	return s.Encode()
}

// With returns traits in which what a device carries is as it has found it there. What it
// does not carry stays.
func (t Traits) With(found Traits, c Carry) Traits {
	s, _ := t.Set()
	n, _ := found.Set()
	if c.Owners {
		s.Owner, s.Group = n.Owner, n.Group
	}
	if c.Attributes {
		s.Attributes = n.Attributes
	}
	return s.Encode()
}

// And returns traits together with those found where nobody knows what was there before:
// what is said already stands.
func (t Traits) And(found Traits) Traits {
	if t == "" {
		return found
	}
	s, _ := t.Set()
	n, _ := found.Set()
	if s.Owner == "" && s.Group == "" {
		s.Owner, s.Group = n.Owner, n.Group
	}
	for name, value := range n.Attributes {
		if _, said := s.Attributes[name]; !said {
			s.Attributes[name] = value
		}
	}
	return s.Encode()
}

// Mark is what a look notes of traits, so that another look can be compared with it: never
// 0, which is noted where nobody has looked.
func (t Traits) Mark() uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(t)) // a hash takes everything
	return max(h.Sum32(), 1)
}

// noTraitsMark is the mark of a file that has none.
var noTraitsMark = NoTraits.Mark()

// TraitsDiffer reports whether a look shows other traits than an earlier one. Where nobody
// had looked, having none is no difference.
func TraitsDiffer(was, is uint32) bool {
	return is != 0 && is != was && (was != 0 || is != noTraitsMark)
}

// wrongTraits says why traits cannot be in a record.
func wrongTraits(t Traits) string {
	if _, ok := t.Set(); !ok {
		return "its traits are too long or not in the one form"
	}
	return ""
}

// String shows what is there, for traces.
func (t Traits) String() string {
	if t == "" {
		return ""
	}
	s, _ := t.Set()
	names := make([]string, 0, len(s.Attributes))
	for name := range s.Attributes {
		names = append(names, name)
	}
	slices.Sort(names)
	return s.Owner + ":" + s.Group + "[" + strings.Join(names, " ") + "]"
}
