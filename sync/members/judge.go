package members

import (
	"cmp"
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
)

// judgement is what follows from the records of a map.
type judgement struct {
	m *Map
	// ranks are the devices that were ever made owners, the founder first: made by an
	// owner of a higher rank, or by the same one earlier.
	ranks []ident.DeviceID
	rank  map[ident.DeviceID]int
	// ends are the records that count and take the ownership of somebody.
	ends    []*Record
	decided map[ident.DeviceID]uint64 // so many of an owner's records were looked at
	final   map[*Record]bool          // of ends
	// counted holds what counts answered since ends last grew. Owners make one another
	// owners in many ways, and to follow each of them anew would take for ever.
	counted map[*Record]bool
	// makes are the records that make a device an owner.
	makes map[ident.DeviceID][]*Record
	// about are the records about a device that count and that no other one that counts
	// has followed: more than one when owners did not know of one another.
	about map[ident.DeviceID][]*Record
}

// judge decides which records count. It depends on the set of records alone.
func (m *Map) judge() *judgement {
	if m.judged != nil {
		return m.judged
	}
	j := &judgement{
		m: m, rank: map[ident.DeviceID]int{}, decided: map[ident.DeviceID]uint64{}, final: map[*Record]bool{},
		counted: map[*Record]bool{},
		makes:   map[ident.DeviceID][]*Record{}, about: map[ident.DeviceID][]*Record{},
	}
	m.judged = j
	if !m.Known() {
		return j
	}
	j.rankOwners()
	for _, owner := range j.ranks {
		j.decide(owner, uint64(len(m.acts[owner])))
	}
	for _, owner := range j.ranks {
		for i := range m.acts[owner] {
			if r := &m.acts[owner][i]; j.final[r] || j.counts(r) {
				j.about[r.Subject] = append(j.about[r.Subject], r)
			}
		}
	}
	for device, records := range j.about {
		j.about[device] = newest(records)
	}
	return j
}

// decide decides which of an owner's records up to an epoch take the ownership of somebody:
// those of a higher rank first, but before each record those that it had seen. What is
// decided stays: a later one cannot undo it. So whoever signed the last one that counts is
// an owner, and of two who end each other's ownership one remains.
func (j *judgement) decide(owner ident.DeviceID, upto uint64) {
	for j.decided[owner] < upto {
		r := &j.m.acts[owner][j.decided[owner]]
		if _, owned := j.rank[r.Subject]; owned && r.Role != Owner {
			for _, o := range j.ranks {
				if o != owner {
					j.decide(o, r.saw(o))
				}
			}
			if j.counts(r) {
				j.ends = append(j.ends, r)
				j.final[r] = true
				clear(j.counted)
			}
		}
		j.decided[owner] = r.Epoch
	}
}

// rankOwners finds all devices that were ever made owners, whether or not that counts.
func (j *judgement) rankOwners() {
	j.ranks = []ident.DeviceID{j.m.founding.Founder}
	j.rank[j.ranks[0]] = 0
	for at := 0; at < len(j.ranks); at++ {
		acts := j.m.acts[j.ranks[at]]
		for i := range acts {
			r := &acts[i]
			if r.Role != Owner {
				continue
			}
			j.makes[r.Subject] = append(j.makes[r.Subject], r)
			if _, known := j.rank[r.Subject]; !known {
				j.rank[r.Subject] = len(j.ranks)
				j.ranks = append(j.ranks, r.Subject)
			}
		}
	}
}

// counts reports whether r's signer was an owner when r was made, and nobody who counts
// has ended that without having seen r. It looks back only, so it ends.
func (j *judgement) counts(r *Record) bool {
	answer, known := j.counted[r]
	if !known {
		answer = j.weigh(r)
		j.counted[r] = answer
	}
	return answer
}

// weigh finds what counts answers.
func (j *judgement) weigh(r *Record) bool {
	signer := r.Signer()
	if signer != j.m.founding.Founder && !slices.ContainsFunc(j.makes[signer], func(made *Record) bool {
		return r.follows(made) && j.counts(made)
	}) {
		return false
	}
	return !slices.ContainsFunc(j.ends, func(end *Record) bool {
		return end.Subject == signer && end != r && !end.follows(r) && !j.renewed(end, r)
	})
}

// renewed reports whether the signer of r was made an owner again after an end, and r
// followed that.
func (j *judgement) renewed(end, r *Record) bool {
	return slices.ContainsFunc(j.makes[end.Subject], func(made *Record) bool {
		return made.follows(end) && r.follows(made) && j.counts(made)
	})
}

// newest drops the records that another one of the list has followed.
func newest(records []*Record) []*Record {
	return slices.DeleteFunc(slices.Clone(records), func(r *Record) bool {
		return slices.ContainsFunc(records, func(o *Record) bool { return o != r && o.follows(r) })
	})
}

// wasOwner reports whether r's signer was an owner as far as r itself had seen. What comes
// later does not matter, so all devices answer alike, whenever they are asked.
func (m *Map) wasOwner(r *Record) bool {
	signer := r.Signer()
	if m.plain {
		// Nobody ever took an owner's role: whoever was made one, and knew it, is one.
		return signer == m.founding.Founder || slices.ContainsFunc(m.makes[signer], r.follows)
	}
	past := NewMap(m.folder)
	past.founding = m.founding
	for owner, acts := range m.acts {
		if n := min(uint64(len(acts)), r.saw(owner)); n > 0 {
			past.acts[owner] = acts[:n]
		}
	}
	return past.Role(signer) == Owner
}

// Role returns a device's role. Where owners who did not know of one another have said
// different things, the lowest of their roles holds.
func (m *Map) Role(device ident.DeviceID) Role {
	about := m.judge().about[device]
	if len(about) == 0 {
		if m.Known() && device == m.founding.Founder {
			return Owner
		}
		return None
	}
	return lowest(about).Role
}

// Mentions reports whether anybody who counts has said anything of a device: without, it
// was never a member; with role None, its membership was ended.
func (m *Map) Mentions(device ident.DeviceID) bool {
	return m.Known() && device == m.founding.Founder || len(m.judge().about[device]) > 0
}

// Members returns every device that was ever mentioned, by id; those whose membership was
// ended have role None.
func (m *Map) Members() []Member {
	j := m.judge()
	var out []Member
	for device, about := range j.about {
		r := lowest(about)
		out = append(out, Member{Device: device, Role: r.Role, Name: r.Name, By: r.Signer()})
	}
	if _, said := j.about[m.founding.Founder]; !said && m.Known() {
		out = append(out, Member{Device: m.founding.Founder, Role: Owner})
	}
	slices.SortFunc(out, func(a, b Member) int { return compareDevices(a.Device, b.Device) })
	return out
}

// lowest returns the record that holds among those about one device.
func lowest(about []*Record) *Record {
	return slices.MinFunc(about, func(a, b *Record) int {
		as, bs := a.Signer(), b.Signer()
		return cmp.Or(cmp.Compare(a.Role, b.Role), compareDevices(as, bs), cmp.Compare(a.Epoch, b.Epoch))
	})
}
