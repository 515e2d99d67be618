package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/summary"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

func TestSizeIsTheLengthOfTheFrame(t *testing.T) {
	for _, l := range everyMessage() {
		if got, want := Size(l.message), len(Append(nil, l.message)); got != want {
			t.Errorf("Size(%T) = %d, the frame has %d bytes", l.message, got, want)
		}
	}
	for _, x := range []uint64{0, 1, 127, 128, 1<<14 - 1, 1 << 14, 1<<63 - 1, 1 << 63, 1<<64 - 1} {
		if got, want := uvarintLen(x), len(binary.AppendUvarint(nil, x)); got != want {
			t.Errorf("uvarintLen(%d) = %d, want %d", x, got, want)
		}
	}
}

func TestAppendKeepsWhatIsThere(t *testing.T) {
	for _, l := range everyMessage() {
		b := Append([]byte("before"), l.message)
		if string(b[:6]) != "before" || !bytes.Equal(b[6:], Append(nil, l.message)) {
			t.Errorf("%T appended to other bytes is another frame", l.message)
		}
	}
}

func TestEveryTruncationIsRefused(t *testing.T) {
	for _, l := range everyMessage() {
		frame := Append(nil, l.message)
		for n := range frame {
			m, err := Parse(frame[:n:n])
			if !errors.Is(err, ErrMalformed) || m != nil {
				t.Fatalf("%T cut to %d of %d bytes: %v, %v", l.message, n, len(frame), m, err)
			}
			if name := fmt.Sprintf("%T", l.message); n > 0 && !strings.Contains(err.Error(), name) {
				t.Fatalf("the error does not name %s: %v", name, err)
			}
		}
	}
}

func TestBytesOfNewerProgramsAreIgnored(t *testing.T) {
	for _, l := range everyMessage() {
		frame := append(Append(nil, l.message), "a field of tomorrow"...)
		m, err := Parse(frame)
		if err != nil || !reflect.DeepEqual(m, l.message) {
			t.Errorf("%T with more bytes behind it: %+v, %v", l.message, m, err)
		}
	}
}

func TestUnknownTypesCanBeSkipped(t *testing.T) {
	for _, kind := range []byte{0, 19, 255} {
		m, err := Parse([]byte{kind, 1, 2, 3})
		if m != nil || !errors.Is(err, ErrUnknownType) || errors.Is(err, ErrMalformed) {
			t.Errorf("type %d: %v, %v", kind, m, err)
		}
	}
}

func TestOnlyContentPointsIntoTheFrame(t *testing.T) {
	for _, l := range everyMessage() {
		frame := Append(nil, l.message)
		m, err := Parse(frame)
		if err != nil {
			t.Fatal(err)
		}
		for i := range frame {
			frame[i] ^= 0xff
		}
		switch m := m.(type) {
		case Slice:
			if bytes.Equal(m.Body, l.message.(Slice).Body) {
				t.Error("the body of a slice was copied")
			}
			if cap(m.Body) != len(m.Body) {
				t.Error("appending to the body of a slice would write into the frame")
			}
		case Recipes:
			if bytes.Equal(m.Parts[0].Body, l.message.(Recipes).Parts[0].Body) {
				t.Error("the body of a recipe was copied")
			}
		default:
			if !reflect.DeepEqual(m, l.message) {
				t.Errorf("%T changed with the frame it was read from", m)
			}
		}
	}
}

func TestTextsForPeopleAreCut(t *testing.T) {
	long := strings.Repeat("ä", 600)
	m, err := Parse(Append(nil, Goodbye{Reason: "x" + long}))
	if want := "x" + long[:1022]; err != nil || m != (Goodbye{Reason: want}) {
		t.Errorf("a reason of %d bytes arrived as %v, %v", 1+len(long), m, err)
	}
	hello := Hello{Version: 1, Name: long, Client: strings.Repeat("\x80", 300)}
	m, err = Parse(Append(nil, hello))
	if want := (Hello{Version: 1, Name: long[:254]}); err != nil || m != want {
		t.Errorf("long names arrived as %+v, %v", m, err)
	}
	if Size(hello) != len(Append(nil, hello)) {
		t.Error("Size does not count what was cut")
	}
}

func TestBugsAreShown(t *testing.T) {
	for _, m := range []Message{nil, Rows{Entries: make([]tree.Entry, 1)}} {
		func() {
			defer func() {
				if said := fmt.Sprint(recover()); !strings.HasPrefix(said, "bug: wire: ") {
					t.Errorf("%T: %s", m, said)
				}
			}()
			Append(nil, m)
		}()
	}
}

func number(x uint64) string { return hex.EncodeToString(binary.AppendUvarint(nil, x)) }

// refusal is a frame that must be refused and what the error must name.
type refusal struct {
	what  string
	frame string
	names []string
}

// TestRefusals gives one frame for every check.
func TestRefusals(t *testing.T) {
	for _, c := range slices.Concat(refusedLinksAndRows(), refusedPieces(), refusedRepairs()) {
		frame, err := hex.DecodeString(c.frame)
		if err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		m, err := Parse(frame)
		if m != nil || !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %T, %v", c.what, m, err)
			continue
		}
		for _, name := range c.names {
			if !strings.Contains(err.Error(), name) {
				t.Errorf("%s: the error does not say %q: %v", c.what, name, err)
			}
		}
	}
}

func refusedLinksAndRows() []refusal {
	f16, c32 := strings.Repeat("f0", 16), strings.Repeat("c0", 32)
	join := f16 + strings.Repeat("01", 16) + "00" + strings.Repeat("00", 8) + "00" + c32 + "000000"
	rows := f16 + strings.Repeat("01", 8)
	entry := file(1, "n", written(alice, 1))
	record := Append(nil, Rows{Upto: 1, Entries: []tree.Entry{entry}, Has: []bool{true}})
	badName := bytes.Replace(record, []byte("\x01n"), []byte("\x01/"), 1)
	badBits := bytes.Clone(record)
	badBits[len(badBits)-1] = 3
	return []refusal{
		{"empty", "", []string{"empty"}},
		{"long number", "02" + "8100", []string{"wire.Ping", "nonce", "shortest"}},
		{"number beyond 64 bits", "02" + strings.Repeat("ff", 9) + "02", []string{"Ping", "nonce"}},
		{"long name", "01" + "01" + "8002" + strings.Repeat("61", 256),
			[]string{"Hello", "name", "256"}},
		{"long client", "01" + "01" + "00" + "8002" + strings.Repeat("61", 256),
			[]string{"Hello", "client"}},
		{"long reason", "04" + "8108" + strings.Repeat("61", 1025), []string{"Goodbye", "reason", "1025"}},
		{"no replica", "05" + f16 + strings.Repeat("00", 8), []string{"Join", "replica"}},
		{"replicas beyond the limit", "05" + join + "914e", []string{"Join", "replicas", "10001"}},
		{"replicas beyond the frame", "05" + join + "ac1b", []string{"Join", "replicas", "ends early"}},
		{"replica 0 in list", "05" + join + "01" + strings.Repeat("00", 41),
			[]string{"Join", "item 0", "replica"}},
		{"unsorted knowledge", "07" + f16 + "00" + c32 + "02" +
			"0000000000000002" + "01" + "0000000000000001" + "01", []string{"State", "knowledge"}},
		{"knowledge of nothing", "07" + f16 + "00" + c32 + "01" + "0000000000000002" + "00",
			[]string{"State", "knowledge"}},
		{"knowledge beyond the limit", "07" + f16 + "00" + c32 + "914e",
			[]string{"State", "knowledge", "10001"}},
		{"neither yes nor no", "07" + f16 + "00" + c32 + "00" + "02", []string{"State", "scanning"}},
		{"numbers run back", "08" + rows + "02" + "01" + "00", []string{"Rows", "upto"}},
		{"entries beyond the limit", "08" + rows + "00" + "ff7f" + "e907",
			[]string{"Rows", "entries", "1001"}},
		{"more entries than numbers", "08" + rows + "00" + "01" + "02" + strings.Repeat("00", 100),
			[]string{"Rows", "entries", "2"}},
		{"name with a slash", hex.EncodeToString(badName), []string{"Rows", "item 0", "entry", "name"}},
		{"bits beyond the entries", hex.EncodeToString(badBits), []string{"Rows", "has"}},
	}
}

func refusedPieces() []refusal {
	f16, c32 := strings.Repeat("f0", 16), strings.Repeat("c0", 32)
	return []refusal{
		{"contents beyond the limit", "0a" + f16 + "8108", []string{"WantHave", "contents", "1025"}},
		{"contents beyond the frame", "0c" + f16 + "8008" + c32, []string{"AskRecipes", "contents"}},
		{"items beyond the limit", "0b" + f16 + "8108", []string{"Have", "items"}},
		{"all and pieces", "0b" + f16 + "01" + c32 + "01" + "01" + "00",
			[]string{"Have", "item 0", "pieces", "all"}},
		{"piece beyond the limit", "0b" + f16 + "01" + c32 + "00" + "01" + number(PiecesMax),
			[]string{"Have", "item 0", fmt.Sprint(PiecesMax)}},
		{"gap beyond the limit", "0b" + f16 + "01" + c32 + "00" + "02" + "00" + number(PiecesMax-1),
			[]string{"Have", "item 0", fmt.Sprint(PiecesMax)}},
		{"pieces beyond the frame", "0b" + f16 + "01" + c32 + "00" + number(PiecesMax) + "00",
			[]string{"Have", "item 0", "pieces", "ends early"}},
		{"parts beyond the limit", "0d" + f16 + "8108", []string{"Recipes", "parts"}},
		{"recipe too long", "0d" + f16 + "01" + c32 + "ffffffff0f" + "00" + "00",
			[]string{"Recipes", "item 0", "total"}},
		{"part beyond the recipe", "0d" + f16 + "01" + c32 + "02" + "01" + "02" + "0000",
			[]string{"Recipes", "item 0", "body"}},
		{"asks beyond the limit", "0e" + f16 + "8108", []string{"AskPieces", "items"}},
		{"index beyond the limit", "0e" + f16 + "01" + "01" + c32 + number(PiecesMax) + c32 + "01",
			[]string{"AskPieces", "item 0", "index"}},
		{"size beyond 32 bits", "0e" + f16 + "01" + "01" + c32 + "00" + c32 + "8080808010",
			[]string{"AskPieces", "item 0", "size"}},
		{"tickets beyond the limit", "0f" + "8108", []string{"CancelPieces", "tickets"}},
		{"offset beyond 32 bits", "10" + "01" + "8080808010" + "0100", []string{"Slice", "offset"}},
		{"empty slice", "10" + "01" + "00" + "00", []string{"Slice", "body"}},
		{"long slice", "10" + "01" + "00" + "818010" + strings.Repeat("00", SliceMax+1),
			[]string{"Slice", "body", "262145"}},
		{"long frame", "10" + strings.Repeat("00", FrameMax), []string{"1048577"}},
	}
}

// TestRecipePartsShareTheirLimit: the bodies of one message count together.
func TestRecipePartsShareTheirLimit(t *testing.T) {
	half := make([]byte, RecipeMax/2)
	m := Recipes{Parts: []RecipePart{
		{Total: RecipeMax, Body: half}, {Total: RecipeMax, Body: half},
	}}
	if _, err := Parse(Append(nil, m)); err != nil {
		t.Errorf("%d bytes of recipes: %v", RecipeMax, err)
	}
	m.Parts = append(m.Parts, RecipePart{Total: 1, Body: []byte{1}})
	if _, err := Parse(Append(nil, m)); !errors.Is(err, ErrMalformed) {
		t.Errorf("%d bytes of recipes: %v", RecipeMax+1, err)
	}
}

// TestLargestMessagesFitAFrame: what the limits allow together must be sendable.
func TestLargestMessagesFitAFrame(t *testing.T) {
	contents := make([]ident.ContentID, HaveMax)
	asks := make([]PieceAsk, AskMax)
	for i := range asks {
		asks[i] = PieceAsk{Ticket: 1<<64 - 1, Index: PiecesMax - 1, Size: 1<<32 - 1}
	}
	knowledge := make(version.Vector, KnowledgeMax)
	for i := range knowledge {
		knowledge[i] = version.Dot{Replica: ident.ReplicaID(i + 1), Counter: 1<<64 - 1}
	}
	full := Parts{Parts: make([]summary.Part, PartsMax)}
	for i := range full.Parts {
		full.Parts[i] = summary.Part{Count: 1<<64 - 1, Items: make([]summary.Item, itemsMax)}
	}
	for _, m := range []Message{
		full, AskDeleted{Knowledge: knowledge}, AskEntries{IDs: make([]ident.EntryID, FindMax)},
		State{Knowledge: knowledge},
		WantHave{Contents: contents},
		AskPieces{Items: asks},
		Slice{Ticket: 1<<64 - 1, Offset: 1<<32 - 1, Body: make([]byte, SliceMax)},
		Recipes{Parts: []RecipePart{{Total: RecipeMax, Body: make([]byte, RecipeMax)}}},
	} {
		frame := Append(nil, m)
		if len(frame) > FrameMax {
			t.Errorf("%T: %d bytes", m, len(frame))
		}
		if _, err := Parse(frame); err != nil {
			t.Errorf("%T: %v", m, err)
		}
	}
}

// TestLyingCountsCostLittle: what a count claims is not allocated before it is there.
func TestLyingCountsCostLittle(t *testing.T) {
	f16, c32 := strings.Repeat("f0", 16), strings.Repeat("c0", 32)
	for _, digits := range []string{
		"0b" + f16 + "8008" + strings.Repeat(c32+"00"+number(PiecesMax-1), 4),
		"0b" + f16 + "01" + c32 + "00" + number(PiecesMax) + strings.Repeat("00", 1000),
		"08" + f16 + strings.Repeat("01", 8) + "00" + "ff7f" + "e807" + "00",
		"07" + f16 + "00" + c32 + "904e" + "00",
	} {
		frame, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		if used := allocated(func() { _, err = Parse(frame) }); err == nil || used > 64<<10 {
			t.Errorf("a frame of %d bytes took %d bytes of memory: %v", len(frame), used, err)
		}
	}
}

func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// FuzzParse: no frame makes Parse panic, what it accepts is written again byte for byte,
// and memory stays within a small multiple of the frame.
func FuzzParse(f *testing.F) {
	for _, l := range everyMessage() {
		f.Add(Append(nil, l.message))
	}
	f.Add([]byte{})
	f.Add([]byte{255, 1})
	f.Fuzz(func(t *testing.T, frame []byte) {
		m, err := Parse(frame)
		if (m == nil) != (err != nil) {
			t.Fatalf("%v, %v", m, err)
		}
		if err != nil {
			return
		}
		again := Append(nil, m)
		if !bytes.HasPrefix(frame, again) {
			t.Fatalf("%T is written otherwise than read:\n got %x\nread %x", m, again, frame)
		}
		if Size(m) != len(again) {
			t.Fatalf("Size(%T) = %d, the frame has %d", m, Size(m), len(again))
		}
		same, err := Parse(again)
		if err != nil || !reflect.DeepEqual(same, m) {
			t.Fatalf("%T does not survive: %v", m, err)
		}
	})
}

func thousandRows() Rows {
	m := Rows{Log: 1, Upto: RowsMax}
	for i := range RowsMax {
		e := file(1, fmt.Sprintf("picture %04d.jpeg", i), written(alice, uint64(i)+1))
		binary.BigEndian.PutUint64(e.ID[8:], uint64(i))
		m.Entries = append(m.Entries, e)
		m.Has = append(m.Has, i%3 != 0)
	}
	return m
}

func BenchmarkAppendRows(b *testing.B) {
	m := Message(thousandRows())
	buf := make([]byte, 0, FrameMax)
	b.SetBytes(int64(Size(m)))
	b.ReportAllocs()
	for b.Loop() {
		buf = Append(buf[:0], m)
	}
}

func BenchmarkParseRows(b *testing.B) {
	frame := Append(nil, thousandRows())
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(frame); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSizeRows(b *testing.B) {
	m := Message(thousandRows())
	b.ReportAllocs()
	for b.Loop() {
		Size(m)
	}
}

func BenchmarkParseSlice(b *testing.B) {
	frame := Append(nil, Slice{Ticket: 1 << 20, Offset: 1 << 18, Body: make([]byte, SliceMax)})
	b.SetBytes(SliceMax)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(frame); err != nil {
			b.Fatal(err)
		}
	}
}
