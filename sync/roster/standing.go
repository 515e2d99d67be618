package roster

import (
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/members"
	"github.com/shoal-sync/shoal/sync/wire"
)

// Standing is who shares the folder, and what this device may do in it.
type Standing struct {
	Own members.Role
	// Known is set when it is known who created the folder. Without, whoever shares it by
	// hand on both sides is a writer.
	Known bool
	// Guest is set when nobody has said anything of this device but the one that lets it in.
	Guest bool
	// EndedBy is the owner who ended this device's membership, zero when nobody did.
	EndedBy   ident.DeviceID
	EndedName string    // what that owner is called in the map, empty without
	Partners  []Partner // by device
	// Ended are the devices whose membership another owner ended: when they call they are
	// told so.
	Ended []ident.DeviceID
}

// Partner is another device that shares the folder.
type Partner struct {
	Device ident.DeviceID
	Role   members.Role
	Name   string // what an owner calls it, empty without
	// Guest is set when only a person at this device has let it in.
	Guest bool
}

// Role returns what another device may do.
func (s *Standing) Role(d ident.DeviceID) members.Role {
	for i := range s.Partners {
		if s.Partners[i].Device == d {
			return s.Partners[i].Role
		}
	}
	return members.None
}

func (s *Standing) equal(o *Standing) bool {
	return s.Own == o.Own && s.Known == o.Known && s.Guest == o.Guest && s.EndedBy == o.EndedBy &&
		slices.Equal(s.Partners, o.Partners) && slices.Equal(s.Ended, o.Ended)
}

// standing says what the map and the person's own word amount to. What the map says of a
// device goes before what was said by hand.
func (c *Core) standing() Standing {
	s := Standing{Own: members.Writer, Known: c.m.Known()}
	self := c.cfg.Self
	s.Guest = s.Known && !c.m.Mentions(self)
	var ended ident.DeviceID
	for _, m := range c.m.Members() {
		switch {
		case m.Device == self:
			s.Own, ended = m.Role, m.By
		case m.Role == members.None:
			if m.By != self && !s.Guest {
				s.Ended = append(s.Ended, m.Device)
			}
		case s.Guest && !c.hand[m.Device]: // who does not know this device
		default:
			s.Partners = append(s.Partners, Partner{Device: m.Device, Role: m.Role, Name: m.Name})
		}
	}
	if s.Own == members.None {
		s.EndedBy, s.Partners, s.Ended = ended, nil, nil
		for _, m := range c.m.Members() {
			if m.Device == ended {
				s.EndedName = m.Name
			}
		}
		return s
	}
	for d := range c.hand {
		if d != self && !c.m.Mentions(d) && s.Own.MayWrite() {
			s.Partners = append(s.Partners, Partner{Device: d, Role: members.Writer, Guest: s.Known})
		}
	}
	slices.SortFunc(s.Partners, func(a, b Partner) int { return slices.Compare(a.Device[:], b.Device[:]) })
	return s
}

// role returns what another device may do now, as far as was told.
func (c *Core) role(d ident.DeviceID) members.Role { return c.stood.Role(d) }

// Removed reports whether an owner ended a device's membership.
func (c *Core) Removed(d ident.DeviceID) bool {
	return c.m.Mentions(d) && c.m.Role(d) == members.None
}

// Refusal returns why a device that is no partner may not share the folder.
func (c *Core) Refusal(d ident.DeviceID) wire.RefuseReason {
	switch {
	case c.stood.Own == members.None:
		return wire.LeftHere
	case c.Removed(d):
		return wire.Removed
	}
	return wire.NotMember
}
