package members

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
)

// Map is what one device has heard about the members of a folder. It is not safe for
// concurrent use.
type Map struct {
	folder   ident.FolderID
	founding Founding
	acts     map[ident.DeviceID][]Record // by signer; Epoch is the index + 1
	count    int
	judged   *judgement // nil when records came since

	// plain is set while no record takes an owner's role, as in most folders ever: then who
	// was an owner is seen at once.
	plain bool
	makes map[ident.DeviceID][]*Record // records that make a device an owner, while plain
	about map[ident.DeviceID]bool      // devices with a record that says something else
}

// NewMap returns the map of a folder of which nothing is known.
func NewMap(folder ident.FolderID) *Map {
	return &Map{
		folder: folder, acts: map[ident.DeviceID][]Record{}, plain: true,
		makes: map[ident.DeviceID][]*Record{}, about: map[ident.DeviceID]bool{},
	}
}

// Found notes who created the folder. It fails when the folder's id says otherwise.
func (m *Map) Found(f Founding) error {
	if f.Folder() != m.folder {
		return errors.New("the folder's id was not made by that device")
	}
	if m.founding.IsZero() {
		m.founding, m.judged = f, nil
	}
	return nil
}

// Founding returns who created the folder; zero while that is not known.
func (m *Map) Founding() Founding { return m.founding }

// Known reports whether it is known who created the folder. Until then nobody's role is.
func (m *Map) Known() bool { return !m.founding.IsZero() }

// Len returns the number of records.
func (m *Map) Len() int { return m.count }

// Add takes a record in. It reports whether that changed the map. The errors say why a
// record is left out; such a record is not to be passed on.
func (m *Map) Add(r Record) (bool, error) {
	if wanted, err := m.admits(&r); !wanted || err != nil {
		return false, err
	}
	switch {
	case !r.signed(m.folder):
		return false, ErrForged
	case !m.wasOwner(&r): // it may judge a whole map, so only for who has signed
		return false, ErrNotOwner
	}
	m.take(r)
	return true, nil
}

// admits makes the checks that cost little: all but those of the signature and of whether
// its signer was an owner. False without an error: the record is here, or one that goes
// before it.
func (m *Map) admits(r *Record) (bool, error) {
	signer := r.Signer()
	acts := m.acts[signer]
	switch {
	case !m.Known() || r.Epoch == 0 || r.Epoch > uint64(len(acts))+1 || !m.holds(r):
		return false, ErrEarly
	case r.Epoch <= uint64(len(acts)) && bytes.Compare(r.Append(nil), acts[r.Epoch-1].Append(nil)) >= 0:
		// Whoever signs two with one epoch has lost count, as after restoring a backup: all
		// keep the same one of the two.
		return false, nil
	case m.count >= RecordsMax || len(acts) >= ActsMax || len(acts) == 0 && len(m.acts) >= OwnersMax:
		return false, ErrFull
	case r.check() != nil || !m.closed(r):
		return false, ErrForged
	}
	return true, nil
}

func (m *Map) take(r Record) {
	signer := r.Signer()
	if at := r.Epoch - 1; at < uint64(len(m.acts[signer])) {
		m.acts[signer][at] = r
		m.plain = false
	} else {
		m.acts[signer] = append(m.acts[signer], r)
		m.count++
	}
	m.judged = nil
	if r.Role == Owner {
		m.makes[r.Subject] = append(m.makes[r.Subject], &r)
	} else {
		m.about[r.Subject] = true
	}
	owner := len(m.makes[r.Subject]) > 0 || r.Subject == m.founding.Founder
	m.plain = m.plain && !(owner && m.about[r.Subject])
}

// holds reports whether everything that r had seen is here.
func (m *Map) holds(r *Record) bool {
	for _, s := range r.Seen {
		if uint64(len(m.acts[s.Owner])) < s.Upto {
			return false
		}
	}
	return true
}

// closed reports whether r had seen what the records it had seen had seen.
func (m *Map) closed(r *Record) bool {
	signer := r.Signer()
	of := func(o *Record) bool {
		for _, s := range o.Seen {
			if r.saw(s.Owner) < s.Upto {
				return false
			}
		}
		return true
	}
	if r.Epoch > 1 && !of(&m.acts[signer][r.Epoch-2]) {
		return false
	}
	for _, s := range r.Seen {
		if !of(&m.acts[s.Owner][s.Upto-1]) {
			return false
		}
	}
	return true
}

// Compose returns the record in which the given key's device says that another one has a
// role, to be signed by it. It fails when that device is no owner.
func (m *Map) Compose(key [32]byte, subject ident.DeviceID, role Role, name string) (Record, error) {
	r := Record{Key: key, Subject: subject, Role: role, Name: name}
	signer := r.Signer()
	r.Epoch = uint64(len(m.acts[signer])) + 1
	for _, owner := range m.signers() {
		if owner != signer {
			r.Seen = append(r.Seen, Seen{owner, uint64(len(m.acts[owner]))})
		}
	}
	switch {
	case m.Role(signer) != Owner:
		return Record{}, ErrNotOwner
	case m.count >= RecordsMax || role == Owner && m.owners() >= OwnersMax:
		return Record{}, ErrFull
	}
	return r, r.check()
}

// owners counts the devices that were ever made owners.
func (m *Map) owners() int { return len(m.judge().ranks) }

// signers returns the devices that signed records, by id.
func (m *Map) signers() []ident.DeviceID {
	out := make([]ident.DeviceID, 0, len(m.acts))
	for d := range m.acts {
		out = append(out, d)
	}
	slices.SortFunc(out, compareDevices)
	return out
}

// Hash stands for all records together: maps with equal hashes are equal. Have says the
// same, but for owners who have lost count.
func (m *Map) Hash() [32]byte { return sha256.Sum256(m.Append(nil)) }

// Have returns how many records of each owner are here, by id: a summary by which another
// device knows what is lacking.
func (m *Map) Have() []Seen {
	var out []Seen
	for _, d := range m.signers() {
		out = append(out, Seen{d, uint64(len(m.acts[d]))})
	}
	return out
}

// Lacking returns up to limit records that whoever has so many of each owner's does not
// have, in an order in which they can be taken in one by one.
func (m *Map) Lacking(have []Seen, limit int) []Record {
	next := map[ident.DeviceID]uint64{}
	for _, s := range have {
		next[s.Owner] = min(s.Upto, uint64(len(m.acts[s.Owner])))
	}
	return m.inOrder(next, func(owner ident.DeviceID) uint64 { return uint64(len(m.acts[owner])) }, limit)
}

// inOrder returns records after next and up to what last says, each after all that it had
// seen. What the one who asks has need not be checked: it took records in only that way.
func (m *Map) inOrder(next map[ident.DeviceID]uint64, last func(ident.DeviceID) uint64, limit int) []Record {
	var out []Record
	signers := m.signers()
	for moved := true; moved && len(out) < limit; {
		moved = false
		for _, d := range signers {
			for next[d] < last(d) && len(out) < limit {
				r := &m.acts[d][next[d]]
				if slices.ContainsFunc(r.Seen, func(s Seen) bool { return next[s.Owner] < s.Upto }) {
					break
				}
				out = append(out, *r)
				next[d]++
				moved = true
			}
		}
	}
	return out
}

// Farewell returns what a device whose membership was ended needs to see that this is
// so: the records that end it and what these rest on, but none that came later.
func (m *Map) Farewell(device ident.DeviceID, have []Seen, limit int) []Record {
	last := map[ident.DeviceID]uint64{}
	for _, r := range m.judge().about[device] {
		last[r.Signer()] = max(last[r.Signer()], r.Epoch)
		for _, s := range r.Seen {
			last[s.Owner] = max(last[s.Owner], s.Upto)
		}
	}
	next := map[ident.DeviceID]uint64{}
	for _, s := range have {
		next[s.Owner] = min(s.Upto, uint64(len(m.acts[s.Owner])))
	}
	return m.inOrder(next, func(owner ident.DeviceID) uint64 { return last[owner] }, limit)
}

// Append appends the encoding of the map to b: the founding, and all records in an order
// in which they can be taken in.
func (m *Map) Append(b []byte) []byte {
	b = append(b, m.founding.Founder[:]...)
	b = append(b, m.founding.Nonce[:]...)
	records := m.Lacking(nil, m.count)
	b = binary.AppendUvarint(b, uint64(len(records)))
	for i := range records {
		b = records[i].Append(b)
	}
	return b
}

// ParseMap reads what Append wrote. Every record is checked again: nobody who can write
// to the file gets in.
func ParseMap(folder ident.FolderID, b []byte) (*Map, error) {
	m := NewMap(folder)
	in := reader{rest: b}
	var f Founding
	in.into(f.Founder[:])
	in.into(f.Nonce[:])
	n := in.atMost(RecordsMax)
	if in.bad {
		return nil, errors.New("the list of members ends early")
	}
	if !f.IsZero() {
		if err := m.Found(f); err != nil {
			return nil, err
		}
	}
	rest := in.rest
	for i := range n {
		var r Record
		var err error
		if r, rest, err = Parse(rest); err == nil {
			_, err = m.Add(r)
		}
		if err != nil {
			return nil, fmt.Errorf("record %d of the list of members: %w", i, err)
		}
	}
	return m, nil
}
