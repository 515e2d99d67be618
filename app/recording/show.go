package recording

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// shownMax is how many bytes of one value a person is shown.
const shownMax = 1200

// Text shows a value to people: its type, and those of its fields that are not zero.
func Text(v any) string { return textOf(reflect.ValueOf(v)) }

func textOf(v reflect.Value) string {
	var b strings.Builder
	write(&b, v)
	if b.Len() > shownMax {
		return b.String()[:shownMax] + " …"
	}
	return b.String()
}

func write(b *strings.Builder, v reflect.Value) {
	if b.Len() > shownMax {
		return
	}
	switch {
	case !v.IsValid():
		b.WriteString("nothing")
		return
	case customs[v.Type()].parse != nil:
		fmt.Fprint(b, v.Interface())
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		write(b, v.Elem())
	case reflect.String:
		b.WriteString(strconv.Quote(v.String()))
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			writeBytes(b, v)
			return
		}
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteByte(' ')
			}
			write(b, v.Index(i))
		}
		b.WriteByte(']')
	case reflect.Struct:
		b.WriteString(v.Type().Name())
		b.WriteByte('{')
		between := ""
		for _, f := range fieldsOf(v.Type()) {
			if value := v.Field(f.index); !value.IsZero() {
				b.WriteString(between + f.name + ":")
				write(b, value)
				between = " "
			}
		}
		b.WriteByte('}')
	default:
		fmt.Fprint(b, v)
	}
}

// writeBytes shows the beginning of ids and hashes, as people compare them.
func writeBytes(b *strings.Builder, v reflect.Value) {
	const shown = 6
	var head []byte
	for i := range min(shown, v.Len()) {
		head = append(head, byte(v.Index(i).Uint()))
	}
	b.WriteString(hex.EncodeToString(head))
	if v.Len() > shown {
		fmt.Fprintf(b, "…(%d)", v.Len())
	}
}

// Comparer tells values apart by what a Writer would write of them.
type Comparer struct {
	types writing
	a, b  []byte
}

// NewComparer returns a comparer.
func NewComparer() *Comparer {
	return &Comparer{types: writing{known: map[reflect.Type]*writtenType{}}}
}

// Differ returns where two values are first recorded differently, and what stands there;
// ok is false when they are recorded the same.
func (c *Comparer) Differ(was, is any) (where, before, after string, ok bool) {
	a, b := reflect.ValueOf(was), reflect.ValueOf(is)
	if c.same(a, b) {
		return "", "", "", false
	}
	where, a, b = c.differ(a, b)
	return where, textOf(a), textOf(b), true
}

func (c *Comparer) same(a, b reflect.Value) bool {
	if !a.IsValid() || !b.IsValid() {
		return a.IsValid() == b.IsValid()
	}
	if a.Type() != b.Type() {
		return false
	}
	var errA, errB error
	c.a, errA = c.types.value(c.a[:0], a)
	c.b, errB = c.types.value(c.b[:0], b)
	return errA == nil && errB == nil && bytes.Equal(c.a, c.b)
}

// differ goes down to the smallest part that differs.
func (c *Comparer) differ(a, b reflect.Value) (string, reflect.Value, reflect.Value) {
	if !a.IsValid() || !b.IsValid() || a.Type() != b.Type() || customs[a.Type()].parse != nil {
		return "", a, b
	}
	switch a.Kind() {
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() || b.IsNil() {
			return "", a, b
		}
		return c.differ(a.Elem(), b.Elem())
	case reflect.Slice, reflect.Array:
		if a.Type().Elem().Kind() == reflect.Uint8 {
			return "", a, b
		}
		for i := range min(a.Len(), b.Len()) {
			if !c.same(a.Index(i), b.Index(i)) {
				where, x, y := c.differ(a.Index(i), b.Index(i))
				return fmt.Sprintf("[%d]", i) + where, x, y
			}
		}
	case reflect.Struct:
		for _, f := range fieldsOf(a.Type()) {
			if x, y := a.Field(f.index), b.Field(f.index); !c.same(x, y) {
				where, x, y := c.differ(x, y)
				return "." + f.name + where, x, y
			}
		}
	}
	return "", a, b
}
