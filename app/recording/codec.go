package recording

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"reflect"

	"github.com/shoal-sync/shoal/sync/ignore"
)

// errValue is what every refusal of a value wraps: the bytes are no value of their type.
var errValue = errors.New("not a value of its type")

// custom is the form of a type that keeps its fields to itself.
type custom struct {
	append func(b []byte, v reflect.Value) ([]byte, error)
	parse  func(b []byte) (any, error)
}

var customs = map[reflect.Type]custom{
	reflect.TypeFor[ignore.Patterns](): {
		func(b []byte, v reflect.Value) ([]byte, error) {
			return v.Interface().(ignore.Patterns).Append(b), nil
		},
		func(b []byte) (any, error) { return ignore.Restore(b) },
	},
	reflect.TypeFor[netip.AddrPort](): {
		func(b []byte, v reflect.Value) ([]byte, error) {
			return v.Interface().(netip.AddrPort).AppendBinary(b)
		},
		func(b []byte) (any, error) {
			var a netip.AddrPort
			err := a.UnmarshalBinary(b)
			return a, err
		},
	},
}

// shape says in letters how a type is written, so that a reader knows whether its own
// type of that name is still written so: b truth, i and u numbers, s text, y bytes, and
// what is put together from them.
func shape(t reflect.Type) string {
	if _, ok := customs[t]; ok {
		return "=" + t.String()
	}
	switch t.Kind() {
	case reflect.Bool:
		return "b"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "i"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "u"
	case reflect.String:
		return "s"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "y"
		}
		return "[" + shape(t.Elem())
	case reflect.Array:
		return fmt.Sprintf("%d%s", t.Len(), shape(t.Elem()))
	case reflect.Pointer:
		return "*" + shape(t.Elem())
	case reflect.Interface:
		return "?"
	case reflect.Struct:
		return "." + t.String()
	default:
		return "!" + t.String() // no value of it can be recorded
	}
}

// field is an exported field of a struct.
type field struct {
	index int
	name  string
	shape string
}

// fieldsOf returns the fields that are recorded: those that everybody may see.
func fieldsOf(t reflect.Type) (out []field) {
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() {
			out = append(out, field{i, f.Name, shape(f.Type)})
		}
	}
	return out
}

// writing appends values. Types it meets for the first time are announced before the
// value.
type writing struct {
	known map[reflect.Type]*writtenType
	fresh []*writtenType // announced with the next frame
}

type writtenType struct {
	number uint64
	name   string
	fields []field
}

func (w *writing) typeOf(t reflect.Type) *writtenType {
	if known := w.known[t]; known != nil {
		return known
	}
	n := &writtenType{uint64(len(w.known) + 1), t.String(), fieldsOf(t)}
	w.known[t] = n
	w.fresh = append(w.fresh, n)
	return n
}

// announce appends what a reader must know of a type.
func (t *writtenType) announce(b []byte) []byte {
	b = binary.AppendUvarint(b, t.number)
	b = appendText(b, t.name)
	b = binary.AppendUvarint(b, uint64(len(t.fields)))
	for _, f := range t.fields {
		b = appendText(appendText(b, f.name), f.shape)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// value appends one value. Its type is known to the reader from where it stands.
func (w *writing) value(b []byte, v reflect.Value) ([]byte, error) {
	if c, ok := customs[v.Type()]; ok {
		return w.measured(b, func(b []byte) ([]byte, error) { return c.append(b, v) })
	}
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return append(b, 1), nil
		}
		return append(b, 0), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return binary.AppendVarint(b, v.Int()), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return binary.AppendUvarint(b, v.Uint()), nil
	case reflect.String:
		return appendText(b, v.String()), nil
	case reflect.Slice, reflect.Array:
		return w.list(b, v)
	case reflect.Pointer:
		if v.IsNil() {
			return append(b, 0), nil
		}
		return w.value(append(b, 1), v.Elem())
	case reflect.Interface:
		if v.IsNil() {
			return append(b, 0), nil
		}
		return w.named(b, v.Elem())
	case reflect.Struct:
		return w.fields(b, v)
	default:
		return b, fmt.Errorf("record %v: values of this type cannot be recorded", v.Type())
	}
}

// named appends the number of a value's type and the value.
func (w *writing) named(b []byte, v reflect.Value) ([]byte, error) {
	if registered[v.Type().String()] != v.Type() {
		return b, fmt.Errorf("record %v: this type is not on the list of what is recorded", v.Type())
	}
	return w.value(binary.AppendUvarint(b, w.typeOf(v.Type()).number), v)
}

func (w *writing) list(b []byte, v reflect.Value) (_ []byte, err error) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		if v.Kind() == reflect.Slice {
			return append(binary.AppendUvarint(b, uint64(v.Len())), v.Bytes()...), nil
		}
		for i := range v.Len() {
			b = append(b, byte(v.Index(i).Uint()))
		}
		return b, nil
	}
	if v.Kind() == reflect.Slice {
		b = binary.AppendUvarint(b, uint64(v.Len()))
	}
	for i := range v.Len() {
		if b, err = w.value(b, v.Index(i)); err != nil {
			return b, err
		}
	}
	return b, nil
}

// fields appends those fields of a struct that are not zero: number, length, value; and
// 0.
func (w *writing) fields(b []byte, v reflect.Value) (_ []byte, err error) {
	for i, f := range w.typeOf(v.Type()).fields {
		value := v.Field(f.index)
		if value.IsZero() {
			continue
		}
		b = binary.AppendUvarint(b, uint64(i+1))
		b, err = w.measured(b, func(b []byte) ([]byte, error) { return w.value(b, value) })
		if err != nil {
			return b, err
		}
	}
	return append(b, 0), nil
}

// measured appends what a function appends, and its length before it.
func (w *writing) measured(b []byte, do func([]byte) ([]byte, error)) ([]byte, error) {
	at := len(b)
	b, err := do(append(b, 0))
	if err != nil {
		return b, err
	}
	size := uint64(len(b) - at - 1)
	if size < 0x80 {
		b[at] = byte(size)
		return b, nil
	}
	var head [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(head[:], size)
	b = append(b, head[:n-1]...) // only for its room
	copy(b[at+n:], b[at+1:])
	copy(b[at:], head[:n])
	return b, nil
}
