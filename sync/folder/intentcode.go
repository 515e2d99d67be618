package folder

import (
	"encoding/binary"
	"errors"

	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// intentForm begins the body of an intent. One of the form before has no traits; any other
// was written by another program.
const intentForm = 3

// intentLeast is what the ids of an intent take, in bytes.
const intentLeast = 3*16 + 4*32

var errIntent = errors.New("what was noted is cut off, damaged, or of another version of Shoal")

// codec goes over the fields of an intent in one order, to append them or to take them:
// so that writing and reading cannot differ. After a failure nothing more is taken.
type codec struct {
	b       []byte
	form    uint64
	reading bool
	failed  bool
}

// appendIntents encodes a batch: the form, the number of intents, then each.
func appendIntents(b []byte, count int, at func(int) intent) []byte {
	c := codec{b: binary.AppendUvarint(append(b, intentForm), uint64(count)), form: intentForm}
	var one intent
	for i := range count {
		one = at(i)
		c.intent(&one)
	}
	return c.b
}

func parseIntents(b []byte) ([]intent, error) {
	c := codec{b: b, reading: true}
	var form, count uint64
	number(&c, &form)
	number(&c, &count)
	if form > intentForm || form < intentForm-1 || count > uint64(len(c.b)/intentLeast) {
		return nil, errIntent
	}
	c.form = form
	batch := make([]intent, count)
	for i := range batch {
		c.intent(&batch[i])
	}
	if c.failed || len(c.b) > 0 {
		return nil, errIntent
	}
	return batch, nil
}

func (c *codec) intent(i *intent) {
	o := &i.Order
	number(c, (*uint64)(&o.Ticket))
	number(c, &o.Op)
	c.fixed(o.Entry[:])
	c.text(&o.Path)
	c.text(&o.To)
	there := o.Victim != nil
	c.flag(&there)
	if there {
		if c.reading {
			o.Victim = &tree.Stat{}
		}
		c.stat(o.Victim)
	}
	c.file(&o.Into)
	c.fixed(o.Content[:])
	number(c, &o.Size)
	c.text(&o.Target)
	number(c, &o.Mode)
	number(c, &o.Mtime)
	if c.form == intentForm {
		c.text((*string)(&o.Traits))
	}
	c.text(&o.Copy)
	c.stat(&o.CopyStat)
	c.fixed(o.Old[:])
	c.fixed(o.By[:])
	c.fixed(i.Parent[:])
	c.text(&i.Name)
	c.vector(&i.SawPlace)
	c.vector(&i.SawContent)
	c.vector(&i.SawAttr)
	c.fixed(i.Content[:])
	c.fixed(i.Over[:])
	c.flag(&i.Errand)
}

func (c *codec) stat(s *tree.Stat) {
	number(c, &s.Kind)
	number(c, &s.Size)
	number(c, &s.Mtime)
	number(c, &s.Mode)
	if c.form == intentForm {
		number(c, &s.Traits)
	}
	number(c, &s.Links)
	c.file(&s.File)
}

func (c *codec) file(f *tree.FileID) {
	number(c, &f.Volume)
	number(c, &f.Inode)
	number(c, &f.Birth)
}

func (c *codec) vector(v *version.Vector) {
	count := uint64(len(*v))
	number(c, &count)
	if c.reading {
		if count > uint64(len(c.b)) {
			c.failed = true
			return
		}
		*v = nil
		if count > 0 {
			*v = make(version.Vector, count)
		}
	}
	for i := range *v {
		number(c, (*uint64)(&(*v)[i].Replica))
		number(c, &(*v)[i].Counter)
	}
}

// number is a function because methods have no type parameters. Negative ones take ten
// bytes: there are few.
func number[N ~uint8 | ~uint32 | ~uint64 | ~int64](c *codec, n *N) {
	if !c.reading {
		c.b = binary.AppendUvarint(c.b, uint64(*n))
		return
	}
	read, size := binary.Uvarint(c.b)
	if c.failed || size <= 0 || uint64(N(read)) != read {
		c.failed = true
		return
	}
	*n, c.b = N(read), c.b[size:]
}

func (c *codec) flag(f *bool) {
	var n uint8
	if *f {
		n = 1
	}
	number(c, &n)
	*f = n == 1
}

func (c *codec) fixed(b []byte) {
	switch {
	case !c.reading:
		c.b = append(c.b, b...)
	case c.failed || len(c.b) < len(b):
		c.failed = true
	default:
		c.b = c.b[copy(b, c.b):]
	}
}

func (c *codec) text(s *string) {
	count := uint64(len(*s))
	number(c, &count)
	switch {
	case !c.reading:
		c.b = append(c.b, *s...)
	case c.failed || count > uint64(len(c.b)):
		c.failed = true
	default:
		*s, c.b = string(c.b[:count]), c.b[count:]
	}
}
