// Package disktest is the suite that everything which stages content and carries out orders
// must pass: package disk on real files, and the simulator's model of it, so that the model
// cannot lie.
//
// It knows what an order promises. How the promise is kept, and everything that needs real
// processes and a real file system, is tested beside package disk. Tests call Run.
package disktest

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
)

// Disk is what is tested. Save and Read are a person's own programs; the rest is what a
// folder core orders.
type Disk interface {
	PutWhole(content ident.ContentID, whole []byte) error
	Complete(content ident.ContentID) bool
	Execute(orders []tree.Order) []tree.Outcome
	Look(path string) (tree.Stat, bool, error)
	// Trash returns the paths whose old content or file is kept, oldest first.
	Trash() ([]string, error)
	// Save makes or rewrites a file as a program of the person would.
	Save(path string, content []byte) error
	// Read returns the bytes of a file, or the target of a link.
	Read(path string) ([]byte, error)
}

// Run runs the suite. Open returns a new, empty folder.
func Run(t *testing.T, open func(t *testing.T) Disk) {
	for _, c := range []struct {
		name string
		run  func(*bench)
	}{
		{"install new", (*bench).installNew},
		{"install over a victim", (*bench).installOver},
		{"install refused", (*bench).installRefused},
		{"content is used once", (*bench).usedOnce},
		{"copies", (*bench).copies},
		{"links", (*bench).links},
		{"directories", (*bench).directories},
		{"move", (*bench).move},
		{"another directory", (*bench).anotherDirectory},
		{"remove", (*bench).remove},
		{"park", (*bench).park},
		{"attributes", (*bench).attributes},
		{"bad names", (*bench).badNames},
		{"bad content", (*bench).badContent},
		{"order within a batch", (*bench).orderWithin},
		{"large batch", (*bench).largeBatch},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(&bench{t, open(t), 0}) })
	}
}

// bench is one test with its disk.
type bench struct {
	*testing.T
	Disk
	ticket step.Ticket
}

// mtime is a time that no clock of the test can show.
const mtime = 1_500_000_000_123_456_000

// Install returns an order to install content, new or in place of what is there.
func Install(path string, content []byte, victim *tree.Stat) tree.Order {
	return tree.Order{Op: tree.InstallFile, Path: path, Content: ID(content),
		Size: int64(len(content)), Mode: 0o640, Mtime: mtime, Victim: victim}
}

// ID returns the content id of a small file.
func ID(content []byte) ident.ContentID { return ident.ContentID(recipe.HashChunk(content)) }

func (b *bench) stage(content string) []byte {
	b.Helper()
	if err := b.PutWhole(ID([]byte(content)), []byte(content)); err != nil {
		b.Fatal(err)
	}
	return []byte(content)
}

// do carries out one order and checks its refusal.
func (b *bench) do(o tree.Order, want tree.Refusal) tree.Stat {
	b.Helper()
	b.ticket++
	o.Ticket = b.ticket
	outcomes := b.Execute([]tree.Order{o})
	if len(outcomes) != 1 || outcomes[0].Ticket != o.Ticket {
		b.Fatalf("%+v: answered by %+v", o, outcomes)
	}
	got := outcomes[0]
	if got.Refusal != want {
		b.Fatalf("op %d %q: refusal %d (%s), want %d", o.Op, o.Path, got.Refusal, got.Detail, want)
	}
	if want != tree.Done && got.Detail == "" {
		b.Errorf("op %d %q: refusal %d says nothing", o.Op, o.Path, got.Refusal)
	}
	if is, found, _ := b.Look(o.Path); want == tree.Done && o.Op != tree.Move &&
		o.Op != tree.Remove && (!found || is != got.Stat) {
		b.Errorf("op %d %q: outcome %+v, look %+v", o.Op, o.Path, got.Stat, is)
	}
	return got.Stat
}

func (b *bench) save(path, content string) *tree.Stat {
	b.Helper()
	if err := b.Save(path, []byte(content)); err != nil {
		b.Fatal(err)
	}
	return b.look(path)
}

func (b *bench) look(path string) *tree.Stat {
	b.Helper()
	s, found, err := b.Look(path)
	if err != nil || !found {
		b.Fatalf("look at %q: found %v, %v", path, found, err)
	}
	return &s
}

// holds checks what a path holds; "" means nothing may be there.
func (b *bench) holds(path, want string) {
	b.Helper()
	if want == "" {
		if _, found, err := b.Look(path); err != nil || found {
			b.Errorf("%q: found %v, %v; want nothing", path, found, err)
		}
		return
	}
	got, err := b.Read(path)
	if err != nil || string(got) != want {
		b.Errorf("%q holds %q, %v; want %q", path, got, err, want)
	}
}

func (b *bench) trashHolds(want ...string) {
	b.Helper()
	got, err := b.Trash()
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		b.Errorf("trash %v, %v; want %v", got, err, want)
	}
}

func (b *bench) installNew() {
	s := b.do(Install("a", b.stage("one"), nil), tree.Done)
	b.holds("a", "one")
	if s.Kind != tree.File || s.Size != 3 || s.Mtime != mtime || s.Mode != 0o640 || s.Links != 1 {
		b.Errorf("outcome %+v", s)
	}
	b.do(Install("empty", b.stage(""), nil), tree.Done)
	if s := b.look("empty"); s.Size != 0 {
		b.Errorf("empty file: %+v", s)
	}
	b.trashHolds()
}

func (b *bench) installOver() {
	old := b.save("a", "old")
	s := b.do(Install("a", b.stage("new"), old), tree.Done)
	b.holds("a", "new")
	b.trashHolds("a")
	b.do(Install("a", b.stage("newer"), &s), tree.Done)
	b.holds("a", "newer")
	b.trashHolds("a", "a")
}

func (b *bench) installRefused() {
	old := b.save("a", "old")
	content := b.stage("new")
	b.do(Install("a", content, nil), tree.Occupied)
	b.holds("a", "old")
	edited := b.save("a", "edited by a person")
	b.do(Install("a", content, old), tree.Changed)
	b.holds("a", "edited by a person")
	b.do(Install("gone", content, old), tree.Missing)
	b.holds("gone", "")
	b.do(Install("no/dir", content, nil), tree.Missing)
	b.trashHolds()
	if !b.Complete(ID(content)) {
		b.Error("refused orders used up the content")
	}
	b.do(Install("a", content, edited), tree.Done)
	b.holds("a", "new")
	b.trashHolds("a")
	b.do(tree.Order{Op: tree.MakeDir, Path: "d", Mode: 0o755}, tree.Done)
	b.do(Install("d", b.stage("x"), b.look("d")), tree.Occupied)
}

func (b *bench) usedOnce() {
	content := b.stage("one")
	b.do(Install("a", content, nil), tree.Done)
	if b.Complete(ID(content)) {
		b.Error("still staged after its install")
	}
	b.do(Install("b", content, nil), tree.ContentGone)
	content = b.stage("two")
	outcomes := b.Execute([]tree.Order{
		Install("c", content, nil), Install("d", content, nil), Install("e", content, nil)})
	for _, o := range outcomes {
		if o.Refusal != tree.Done {
			b.Errorf("one content for three paths: %+v", o)
		}
	}
	b.holds("c", "two")
	b.holds("e", "two")
	if b.look("c").Links != 1 {
		b.Error("two files share their bytes")
	}
}

func (b *bench) copies() {
	from := b.save("from", "same")
	o := Install("to", []byte("same"), nil)
	o.Copy, o.CopyStat = "from", *from
	b.do(o, tree.Done)
	b.holds("to", "same")
	b.save("from", "diff") // As long as the other.
	o.Path = "late"
	b.do(o, tree.ContentGone)
	o.CopyStat = *b.look("from") // It looks right and is not.
	b.do(o, tree.ContentGone)
	b.holds("late", "")
	o.Copy = "nowhere"
	b.do(o, tree.ContentGone)
}

func (b *bench) links() {
	o := tree.Order{Op: tree.InstallLink, Path: "l", Target: "somewhere/else", Mtime: mtime}
	s := b.do(o, tree.Done)
	b.holds("l", "somewhere/else")
	if s.Kind != tree.Link {
		b.Errorf("outcome %+v", s)
	}
	b.do(o, tree.Occupied)
	o.Victim, o.Target = &s, "elsewhere"
	b.do(o, tree.Done)
	b.holds("l", "elsewhere")
	b.trashHolds("l")
	b.do(tree.Order{Op: tree.Remove, Path: "l", Victim: b.look("l")}, tree.Done)
	b.holds("l", "")
}

func (b *bench) directories() {
	s := b.do(tree.Order{Op: tree.MakeDir, Path: "d", Mode: 0o750}, tree.Done)
	if s.Kind != tree.Dir || s.Mode != 0o750 {
		b.Errorf("outcome %+v", s)
	}
	b.do(tree.Order{Op: tree.MakeDir, Path: "d", Mode: 0o750}, tree.Occupied)
	b.do(tree.Order{Op: tree.MakeDir, Path: "x/y", Mode: 0o750}, tree.Missing)
	b.do(Install("d/f", b.stage("f"), nil), tree.Done)
	b.do(tree.Order{Op: tree.Remove, Path: "d", Victim: &s}, tree.NotEmpty)
	b.do(tree.Order{Op: tree.Remove, Path: "d/f", Victim: b.look("d/f")}, tree.Done)
	b.do(tree.Order{Op: tree.Remove, Path: "d", Victim: &s}, tree.Done)
	b.holds("d", "")
	b.do(tree.Order{Op: tree.Remove, Path: "d", Victim: &s}, tree.Missing)
	b.trashHolds("d/f")
}

func (b *bench) move() {
	s := b.save("a", "one")
	b.do(tree.Order{Op: tree.MakeDir, Path: "d", Mode: 0o755}, tree.Done)
	got := b.do(tree.Order{Op: tree.Move, Path: "a", To: "d/b", Victim: s}, tree.Done)
	if !got.SameContent(*s) {
		b.Errorf("outcome %+v, was %+v", got, *s)
	}
	b.holds("a", "")
	b.holds("d/b", "one")
	b.save("c", "two")
	b.do(tree.Order{Op: tree.Move, Path: "c", To: "d/b", Victim: b.look("c")}, tree.Occupied)
	b.do(tree.Order{Op: tree.Move, Path: "c", To: "x/y", Victim: b.look("c")}, tree.Missing)
	b.do(tree.Order{Op: tree.Move, Path: "a", To: "z", Victim: s}, tree.Missing)
	was := b.look("c")
	b.save("c", "rewritten")
	b.do(tree.Order{Op: tree.Move, Path: "c", To: "z", Victim: was}, tree.Changed)
	b.holds("c", "rewritten")
	b.do(tree.Order{Op: tree.Move, Path: "d", To: "e", Victim: b.look("d")}, tree.Done)
	b.holds("e/b", "one")
	b.trashHolds()
}

// anotherDirectory: what is made for one directory is not made in another one that has its
// name by now.
func (b *bench) anotherDirectory() {
	b.do(tree.Order{Op: tree.MakeDir, Path: "d", Mode: 0o755}, tree.Done)
	was := b.look("d").File
	b.do(tree.Order{Op: tree.Move, Path: "d", To: "e", Victim: b.look("d")}, tree.Done)
	b.do(tree.Order{Op: tree.MakeDir, Path: "d", Mode: 0o755}, tree.Done)
	s := b.save("a", "one")
	b.do(tree.Order{Op: tree.MakeDir, Path: "d/sub", Mode: 0o755, Into: was}, tree.Changed)
	b.do(tree.Order{Op: tree.InstallLink, Path: "d/link", Target: "t", Into: was}, tree.Changed)
	b.do(tree.Order{Op: tree.Move, Path: "a", To: "d/a", Victim: s, Into: was}, tree.Changed)
	b.holds("a", "one")
	b.do(tree.Order{Op: tree.Move, Path: "a", To: "e/a", Victim: s, Into: was}, tree.Done)
	b.holds("e/a", "one")
	b.do(tree.Order{Op: tree.InstallLink, Path: "e/link", Target: "t", Into: was}, tree.Done)
}

func (b *bench) remove() {
	s := b.save("a", "one")
	b.save("a", "edited")
	b.do(tree.Order{Op: tree.Remove, Path: "a", Victim: s}, tree.Changed)
	b.holds("a", "edited")
	b.do(tree.Order{Op: tree.Remove, Path: "a", Victim: b.look("a")}, tree.Done)
	b.holds("a", "")
	b.do(tree.Order{Op: tree.Remove, Path: "a", Victim: s}, tree.Missing)
	// One that stands for another must still be what it was.
	twin, keeper := b.save("a", "same"), b.save("b", "same")
	o := tree.Order{Op: tree.Remove, Path: "a", Victim: twin, Copy: "b", CopyStat: *keeper}
	b.save("b", "edited")
	b.do(o, tree.ContentGone)
	b.holds("a", "same")
	o.CopyStat = *b.look("b")
	b.do(o, tree.Done)
	b.trashHolds("a", "a")
}

// park: names may rest in the parking place, and nowhere else in the private directory.
func (b *bench) park() {
	parked := tree.ParkingDir + "/0123"
	s := b.save("a", "one")
	b.do(tree.Order{Op: tree.Move, Path: "a", To: parked, Victim: s}, tree.Done)
	b.holds("a", "")
	b.do(tree.Order{Op: tree.Move, Path: parked, To: "b", Victim: b.look(parked)}, tree.Done)
	b.holds("b", "one")
}

func (b *bench) attributes() {
	s := b.save("a", "one")
	o := tree.Order{Op: tree.SetAttributes, Path: "a", Mode: 0o600, Mtime: mtime, Victim: s}
	got := b.do(o, tree.Done)
	b.trashHolds()
	if got.Mode != 0o600 || got.Mtime != mtime || got.Size != 3 {
		b.Errorf("outcome %+v", got)
	}
	b.save("a", "edited")
	o.Victim, o.Mtime = &got, mtime+1_000_000
	b.do(o, tree.Changed)
	b.do(tree.Order{Op: tree.MakeDir, Path: "d", Mode: 0o755}, tree.Done)
	o = tree.Order{Op: tree.SetAttributes, Path: "d", Mode: 0o700, Victim: b.look("d")}
	if got := b.do(o, tree.Done); got.Mode != 0o700 {
		b.Errorf("outcome %+v", got)
	}
	o.Path = "gone"
	b.do(o, tree.Missing)
}

func (b *bench) badNames() {
	content := b.stage("x")
	for _, path := range []string{"", "/a", "a/", "a//b", ".", "..", "../a", "a/../../b",
		"a\x00b", ".shoal/x", ".SHOAL/root", ".shoal"} {
		b.do(Install(path, content, nil), tree.NameRefused)
		b.do(tree.Order{Op: tree.MakeDir, Path: path, Mode: 0o755}, tree.NameRefused)
		s := b.save("from", "x")
		b.do(tree.Order{Op: tree.Move, Path: "from", To: path, Victim: s}, tree.NameRefused)
	}
	b.do(Install(string(bytes.Repeat([]byte("n"), 256)), content, nil), tree.NameRefused)
	b.do(tree.Order{Op: 99, Path: "a"}, tree.Unsupported)
	b.trashHolds()
}

func (b *bench) badContent() {
	if err := b.PutWhole(ID([]byte("right")), []byte("wrong")); err == nil {
		b.Error("bytes that are not the content were staged")
	}
	b.do(Install("a", []byte("right"), nil), tree.ContentGone)
	content := b.stage("right")
	o := Install("a", content, nil)
	o.Size++
	b.do(o, tree.ContentGone)
	b.holds("a", "")
}

func (b *bench) orderWithin() {
	content, other := b.stage("one"), b.stage("two")
	outcomes := b.Execute([]tree.Order{
		{Op: tree.MakeDir, Path: "d", Mode: 0o755},
		{Op: tree.MakeDir, Path: "d/e", Mode: 0o755},
		Install("d/e/f", content, nil),
		Install("d/e/f", other, nil), // Refused, and the next one is not.
		{Op: tree.MakeDir, Path: "g", Mode: 0o755},
	})
	for i, want := range []tree.Refusal{tree.Done, tree.Done, tree.Done, tree.Occupied, tree.Done} {
		if outcomes[i].Refusal != want {
			b.Errorf("order %d: %+v, want %d", i, outcomes[i], want)
		}
	}
	b.holds("d/e/f", "one")
	if !b.Complete(ID(other)) {
		b.Error("a refused order used up its content")
	}
	outcomes = b.Execute([]tree.Order{
		{Op: tree.Move, Path: "d", To: "moved", Victim: b.look("d")},
		Install("moved/e/g", other, nil),
		{Op: tree.MakeDir, Path: "d", Mode: 0o755},
		{Op: tree.Remove, Path: "moved/e/f", Victim: b.look("d/e/f")},
	})
	for i, o := range outcomes {
		if o.Refusal != tree.Done {
			b.Errorf("order %d: %+v", i, o)
		}
	}
	b.holds("moved/e/g", "two")
	b.holds("moved/e/f", "")
	b.holds("d/e", "")
}

func (b *bench) largeBatch() {
	const count = 1100 // More than one wait for the disk.
	var orders []tree.Order
	for i := range count {
		content := b.stage(fmt.Sprintf("content %d", i))
		orders = append(orders, Install(fmt.Sprintf("f%d", i), content, nil))
	}
	stats := make([]tree.Stat, count)
	for i, o := range b.Execute(orders) {
		if o.Refusal != tree.Done {
			b.Fatalf("order %d: %+v", i, o)
		}
		stats[i] = o.Stat
		if is := b.look(orders[i].Path); *is != o.Stat || is.Mtime != mtime || is.Mode != 0o640 {
			b.Fatalf("order %d: outcome %+v, look %+v", i, o.Stat, is)
		}
	}
	const again = 100
	orders = orders[count-again:]
	for i := range orders {
		victim := &stats[count-again+i]
		orders[i] = Install(orders[i].Path, b.stage(fmt.Sprintf("more %d", i)), victim)
	}
	for i, o := range b.Execute(orders) {
		if o.Refusal != tree.Done {
			b.Fatalf("order %d: %+v", i, o)
		}
	}
	b.holds("f0", "content 0")
	b.holds(fmt.Sprintf("f%d", count-1), fmt.Sprintf("more %d", again-1))
	if kept, err := b.Trash(); err != nil || len(kept) != again {
		b.Errorf("%d in the trash, %v; want %d", len(kept), err, again)
	}
}
