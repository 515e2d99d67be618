package recording

import (
	"encoding/binary"
	"fmt"
	"reflect"
)

const (
	// depthMax is how deep values lie in one another: an event holds a message, that
	// rows, those entries, those versions.
	depthMax = 24
	// roomMax bounds what one frame may become in memory.
	roomMax = 512 << 20
	// fieldsMax bounds what a file may announce of a type.
	fieldsMax = 256
)

// reading reads values whose types the file has announced.
type reading struct {
	types map[uint64]*readType
	named map[string]*readType
	rest  []byte
	room  int
	depth int
}

// readType is a type as the file has it, and what it is here.
type readType struct {
	name   string
	here   reflect.Type // nil when this program has no such type
	fields []int        // of here, by the file's numbers; -1 for those it has no more
}

func newReading() *reading {
	return &reading{types: map[uint64]*readType{}, named: map[string]*readType{}}
}

func (r *reading) number() (uint64, error) {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		return 0, errValue
	}
	r.rest = r.rest[size:]
	return n, nil
}

func (r *reading) bytes() ([]byte, error) {
	n, err := r.number()
	if err != nil || n > uint64(len(r.rest)) {
		return nil, errValue
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b, nil
}

// take notes that something is going to need memory.
func (r *reading) take(size int) error {
	if r.room -= size; r.room < 0 {
		return fmt.Errorf("%w: it would need more than %d MiB", errValue, roomMax>>20)
	}
	return nil
}

// learn reads what is announced of a type. A field that this program writes otherwise is
// an error: its meaning has changed.
func (r *reading) learn(b []byte) error {
	r.rest = b
	number, err := r.number()
	if err != nil {
		return err
	}
	name, err := r.bytes()
	if err != nil {
		return err
	}
	count, err := r.number()
	if err != nil || count > fieldsMax || len(r.types) > len(known) {
		return errValue
	}
	t := &readType{name: string(name), here: known[string(name)]}
	for range count {
		name, err := r.bytes()
		if err != nil {
			return err
		}
		is, err := r.bytes()
		if err != nil {
			return err
		}
		at := -1
		if t.here != nil {
			if f, ok := t.here.FieldByName(string(name)); ok && f.IsExported() && len(f.Index) == 1 {
				at = f.Index[0]
				if now := shape(f.Type); now != string(is) {
					return fmt.Errorf("the field %s of %s was written as %q when this was recorded, and is %q now", name, t.name, is, now)
				}
			}
		}
		t.fields = append(t.fields, at)
	}
	r.types[number], r.named[t.name] = t, t
	return nil
}

// value reads into a settable value.
func (r *reading) value(v reflect.Value) error {
	if r.depth++; r.depth > depthMax {
		return fmt.Errorf("%w: it lies too deep", errValue)
	}
	defer func() { r.depth-- }()
	if c, ok := customs[v.Type()]; ok {
		return r.custom(v, c)
	}
	switch v.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, size := binary.Varint(r.rest)
		if size <= 0 || v.OverflowInt(n) {
			return errValue
		}
		r.rest = r.rest[size:]
		v.SetInt(n)
	case reflect.Bool, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return r.unsigned(v)
	case reflect.String:
		b, err := r.bytes()
		if err != nil {
			return err
		}
		v.SetString(string(b))
		return r.take(len(b))
	case reflect.Slice:
		return r.slice(v)
	case reflect.Array:
		return r.array(v)
	case reflect.Pointer:
		set, err := r.number()
		if err != nil || set == 0 {
			return err
		}
		v.Set(reflect.New(v.Type().Elem()))
		return r.value(v.Elem())
	case reflect.Interface:
		return r.any(v)
	case reflect.Struct:
		t := r.named[v.Type().String()]
		if t == nil || t.here != v.Type() {
			return fmt.Errorf("%w: %v was not announced", errValue, v.Type())
		}
		return r.fields(v, t)
	default:
		return errValue
	}
	return nil
}

func (r *reading) unsigned(v reflect.Value) error {
	n, err := r.number()
	switch {
	case err != nil:
		return err
	case v.Kind() != reflect.Bool && !v.OverflowUint(n):
		v.SetUint(n)
	case v.Kind() == reflect.Bool && n <= 1:
		v.SetBool(n == 1)
	default:
		return errValue
	}
	return nil
}

func (r *reading) custom(v reflect.Value, c custom) error {
	b, err := r.bytes()
	if err != nil {
		return err
	}
	// A pattern of two bytes becomes about a kilobyte.
	if err := r.take(len(b) * 512); err != nil {
		return err
	}
	value, err := c.parse(b)
	if err != nil {
		return fmt.Errorf("%w: %v: %w", errValue, v.Type(), err)
	}
	v.Set(reflect.ValueOf(value))
	return nil
}

func (r *reading) slice(v reflect.Value) error {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		b, err := r.bytes()
		if err != nil {
			return err
		}
		v.Set(reflect.MakeSlice(v.Type(), len(b), len(b)))
		reflect.Copy(v, reflect.ValueOf(b))
		return r.take(len(b))
	}
	count, err := r.number()
	if err != nil || count > uint64(len(r.rest)) { // nothing is written in less than a byte
		return errValue
	}
	if err := r.take(int(count) * int(v.Type().Elem().Size())); err != nil {
		return err
	}
	v.Set(reflect.MakeSlice(v.Type(), int(count), int(count)))
	for i := range int(count) {
		if err := r.value(v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

func (r *reading) array(v reflect.Value) error {
	if v.Type().Elem().Kind() != reflect.Uint8 {
		for i := range v.Len() {
			if err := r.value(v.Index(i)); err != nil {
				return err
			}
		}
		return nil
	}
	if len(r.rest) < v.Len() {
		return errValue
	}
	for i := range v.Len() {
		v.Index(i).SetUint(uint64(r.rest[i]))
	}
	r.rest = r.rest[v.Len():]
	return nil
}

// any reads a value of whatever type it says.
func (r *reading) any(v reflect.Value) error {
	number, err := r.number()
	if err != nil || number == 0 {
		return err
	}
	t := r.types[number]
	switch {
	case t == nil:
		return fmt.Errorf("%w: type %d was not announced", errValue, number)
	case t.here == nil || registered[t.name] != t.here:
		return fmt.Errorf("%s was recorded, which this version of Shoal does not know", t.name)
	case !t.here.AssignableTo(v.Type()):
		return fmt.Errorf("%w: %s cannot stand where it stands", errValue, t.name)
	}
	if err := r.take(int(t.here.Size())); err != nil {
		return err
	}
	inner := reflect.New(t.here).Elem()
	if err := r.value(inner); err != nil {
		return err
	}
	v.Set(inner)
	return nil
}

func (r *reading) fields(v reflect.Value, t *readType) error {
	for {
		number, err := r.number()
		if err != nil || number == 0 {
			return err
		}
		b, err := r.bytes()
		if err != nil || number > uint64(len(t.fields)) {
			return errValue
		}
		at := t.fields[number-1]
		if at < 0 {
			continue // this version of Shoal has no such field any more
		}
		after := r.rest
		r.rest = b
		if err := r.value(v.Field(at)); err != nil {
			return err
		}
		if len(r.rest) > 0 {
			return errValue
		}
		r.rest = after
	}
}
