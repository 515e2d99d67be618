package recording

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/discovery/pairing"
	"github.com/shoal-sync/shoal/nat/signal"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/ignore"
	"github.com/shoal-sync/shoal/sync/settle"
)

// inner are effects and events by which the cores of one node speak to each other; they
// never cross its border.
var inner = []string{"peer"}

// TestEverythingIsListed reads the sources of the cores: what is an event, an effect or a
// message there can be recorded.
func TestEverythingIsListed(t *testing.T) {
	seen := 0
	for _, dir := range []string{
		"sync/folder", "sync/settle", "sync/swarm", "sync/roster", "sync/peer", "sync/wire",
		"discovery/book", "nat/route", "nat/signal",
	} {
		name := filepath.Base(dir)
		for _, typ := range marked(t, filepath.Join("../..", dir)) {
			if seen++; registered[name+"."+typ] == nil && !slices.Contains(inner, name) {
				t.Errorf("%s.%s is not in listed.go", name, typ)
			}
		}
	}
	if seen < 150 {
		t.Errorf("only %d types found: the test looks in the wrong places", seen)
	}
}

// marked returns the types with a method event, effect or message.
func marked(t *testing.T, dir string) (out []string) {
	t.Helper()
	sources, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), source, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			m, ok := d.(*ast.FuncDecl)
			if !ok || m.Recv == nil || !slices.Contains([]string{"event", "effect", "message"}, m.Name.Name) {
				continue
			}
			if typ, ok := m.Recv.List[0].Type.(*ast.Ident); ok {
				out = append(out, typ.Name)
			}
		}
	}
	return out
}

// fill gives a value something in every field.
func fill(r *rand.Rand, v reflect.Value, depth int) {
	switch v.Type() {
	case reflect.TypeFor[ignore.Patterns]():
		p, err := ignore.Parse([]byte("*.tmp\n!keep\n/dir/\n"))
		if err != nil {
			panic(err)
		}
		v.Set(reflect.ValueOf(p))
		return
	case reflect.TypeFor[netip.AddrPort]():
		v.Set(reflect.ValueOf(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(r.Uint32())}), 80)))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(r.Uint64()) >> (64 - v.Type().Bits()) >> r.IntN(v.Type().Bits()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(r.Uint64() >> (64 - v.Type().Bits()) >> r.IntN(v.Type().Bits()))
	case reflect.String:
		v.SetString(strings.Repeat("\xffn", r.IntN(100)))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(4), 4))
		for i := range v.Len() {
			fill(r, v.Index(i), depth+1)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(r, v.Index(i), depth+1)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(r, v.Elem(), depth+1)
	case reflect.Interface:
		if depth > 5 {
			return
		}
		for _, name := range slices.Sorted(maps.Keys(registered)) {
			if typ := registered[name]; typ.AssignableTo(v.Type()) && r.IntN(20) == 0 {
				inner := reflect.New(typ).Elem()
				fill(r, inner, depth+1)
				v.Set(inner)
				return
			}
		}
	case reflect.Struct:
		for _, f := range fieldsOf(v.Type()) {
			fill(r, v.Field(f.index), depth+1)
		}
	}
}

// sample is a recording that has a value of every type in it.
func sample(t testing.TB, seed uint64) (file []byte, values []any) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	w := NewWriter()
	file = []byte(Magic)
	for _, name := range slices.Sorted(maps.Keys(registered)) {
		v := reflect.New(registered[name]).Elem()
		fill(r, v, 0)
		frames, err := w.Frames(v.Interface())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, run := v.Interface().(Run); run {
			w = NewWriter()
		}
		file, values = append(file, frames...), append(values, v.Interface())
	}
	return file, values
}

func TestRoundTrip(t *testing.T) {
	compare := NewComparer()
	for seed := range uint64(20) {
		file, values := sample(t, seed)
		r, err := NewReader(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range values {
			got, err := r.Next()
			if err != nil {
				t.Fatalf("%T: %v", want, err)
			}
			if where, a, b, differ := compare.Differ(want, got); differ {
				t.Fatalf("%T%s: wrote %s, read %s", want, where, a, b)
			}
		}
		if _, err := r.Next(); err != io.EOF || r.Whole() != int64(len(file)) {
			t.Errorf("at the end: %v, byte %d of %d", err, r.Whole(), len(file))
		}
	}
}

// TestEveryEnd cuts a recording anywhere: what is whole is read, the rest is called torn.
func TestEveryEnd(t *testing.T) {
	file := []byte(Magic)
	w := NewWriter()
	ends := map[int]int{len(file): 0}
	for i, v := range []any{Run{Version: "1"}, Happened{1, 5, settle.NamesTouched{Paths: []string{"a"}}}, Ordered{Machine: 1}} {
		frames, err := w.Frames(v)
		if err != nil {
			t.Fatal(err)
		}
		file = append(file, frames...)
		ends[len(file)] = i + 1
	}
	for cut := len(Magic); cut <= len(file); cut++ {
		r, err := NewReader(bytes.NewReader(file[:cut]))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for ; err == nil; n++ {
			_, err = r.Next()
		}
		whole, isEnd := ends[cut]
		if isEnd && (n-1 != whole || err != io.EOF) || !errors.Is(err, ErrTorn) && err != io.EOF {
			t.Errorf("cut at %d: %d values, then %v", cut, n-1, err)
		}
	}
}

// TestOtherVersions: a type that had more fields and lacked some is still read; one whose
// field was something else, or that is gone, is refused by name.
func TestOtherVersions(t *testing.T) {
	touched := reflect.TypeFor[settle.NamesTouched]()
	write := func(change func(*writtenType)) error {
		w := NewWriter()
		inner := w.types.typeOf(touched)
		file := []byte(Magic)
		frames, err := w.Frames(Happened{1, 5, settle.NamesTouched{Paths: []string{"a"}}})
		if err != nil {
			t.Fatal(err)
		}
		change(inner) // what is announced says so too: announce it once more, first
		w.out = append([]byte(nil), frames...)
		w.frame(inner.announce([]byte{announced}))
		body := append([]byte{valued}, 0)
		body, err = w.types.named(body[:1], reflect.ValueOf(Happened{1, 5, settle.NamesTouched{Paths: []string{"b"}}}))
		if err != nil {
			t.Fatal(err)
		}
		w.frame(body)
		r, err := NewReader(bytes.NewReader(append(file, w.out...)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		_, err = r.Next()
		return err
	}
	for _, c := range []struct {
		name   string
		change func(*writtenType)
		want   string
	}{
		{"one field more", func(w *writtenType) { w.fields = append(w.fields, field{0, "Gone", "i"}) }, ""},
		{"another field", func(w *writtenType) { w.fields[0].name = "Names" }, ""},
		{"another meaning", func(w *writtenType) { w.fields[0].shape = "[i" }, "the field Paths of settle.NamesTouched"},
		{"another type", func(w *writtenType) { w.name = "settle.Touched" }, "settle.Touched was recorded"},
	} {
		err := write(c.change)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestSecretsAreLeftOut(t *testing.T) {
	secret := []byte("candidate 192.0.2.1 password")
	for _, e := range []any{
		signal.Said{Body: secret}, signal.Deliver{Body: secret}, signal.Ring{Body: secret},
		signal.Post{Letter: signal.Letter{Body: secret}}, signal.LetterCame{Letter: signal.Letter{Body: secret}},
	} {
		kept, ok := Recordable(e)
		frames, err := NewWriter().Frames(Ordered{Effects: []any{kept}})
		if !ok || err != nil || bytes.Contains(frames, []byte("password")) || len(frames) < len(secret) {
			t.Errorf("%T: %v, %v: %q", e, ok, err, frames)
		}
	}
	for _, e := range []any{pairing.Entered{}, pairing.Show{}, pairing.Save{}} {
		if _, ok := Recordable(e); ok {
			t.Errorf("%T is recorded", e)
		}
	}
	if e, ok := Recordable(folder.Committed{}); !ok || e != any(folder.Committed{}) {
		t.Errorf("an event without secrets became %v", e)
	}
}

func TestWhatCannotBeRecorded(t *testing.T) {
	for _, v := range []any{Happened{Event: struct{ F func() }{}}, Happened{Event: 5}, folder.Trouble{}} {
		if _, err := NewWriter().Frames(v); err == nil {
			t.Errorf("%T was recorded", v)
		}
	}
}

func TestDifferencesAreFound(t *testing.T) {
	a := settle.ScanNames{Ticket: 3, Paths: []string{"a", "b"}}
	b := settle.ScanNames{Ticket: 3, Paths: []string{"a", "c"}}
	where, was, is, differ := NewComparer().Differ(a, b)
	if !differ || where != ".Paths[1]" || was != `"b"` || is != `"c"` {
		t.Errorf("%v: %s: %s, %s", differ, where, was, is)
	}
	if _, _, _, differ := NewComparer().Differ(a, a); differ {
		t.Error("a value differs from itself")
	}
	if _, was, is, _ := NewComparer().Differ(nil, a); was != "nothing" || !strings.Contains(is, `Paths:["a" "b"]`) {
		t.Errorf("%q, %q", was, is)
	}
}

func FuzzReader(f *testing.F) {
	file, _ := sample(f, 1)
	f.Add(file[:4000])
	w := NewWriter()
	frames, err := w.Frames(Happened{1, 5, settle.NamesTouched{Paths: []string{"a"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append([]byte(Magic), frames...))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := NewReader(bytes.NewReader(file))
		for err == nil {
			_, err = r.Next()
		}
		// The sums are mended: what lies behind them is to be tried as well.
		types := newReading()
		types.room = 1 << 24
		if types.learn(file) == nil {
			types.rest = file
			var v any
			if types.any(reflect.ValueOf(&v).Elem()) == nil && v != nil {
				if _, err := NewWriter().Frames(v); err != nil {
					t.Errorf("%T was read and cannot be written: %v", v, err)
				}
				Text(v)
			}
		}
	})
}

func BenchmarkFrames(b *testing.B) {
	w := NewWriter()
	var e any = Happened{1, 5, settle.NamesTouched{Paths: []string{"a name of a file", "and another one"}}}
	for b.Loop() {
		if _, err := w.Frames(e); err != nil {
			b.Fatal(err)
		}
	}
}
