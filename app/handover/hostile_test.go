package handover

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Who has sent a link named like the place where the next things lie until all are there,
// writes nothing where it leads.
func TestALinkInThePlaceOfWhatComes(t *testing.T) {
	t.Parallel()
	from, to, outside := grove(t, 1000), t.TempDir(), t.TempDir()
	g := give(t, from)
	var staging []string
	_, err := g.take(to, g.at, func(o *ReceiveOptions) {
		o.Progress = func(Progress) {
			staging, _ = filepath.Glob(filepath.Join(to, stagingPrefix+"*"))
		}
	})
	if err != nil || len(staging) != 1 {
		t.Fatalf("%q, %v", staging, err)
	}
	if err := os.Symlink(outside, staging[0]); err != nil {
		t.Skip(err)
	}
	g = give(t, from)
	if got, err := g.take(to, g.at, nil); err == nil || !strings.Contains(err.Error(), "in the way") {
		t.Errorf("got %+v, %v", got, err)
	}
	if there, err := os.ReadDir(outside); err != nil || len(there) > 0 {
		t.Errorf("%v lies outside, %v", there, err)
	}
}

// What comes into a folder that is kept in sync is not synced by halves.
func TestWhatComesIntoASyncedFolderIsWholeAtOnce(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	to := filepath.Join(folder, "sub")
	if err := errors.Join(os.MkdirAll(filepath.Join(folder, ".shoal"), 0o700), os.Mkdir(to, 0o700),
		os.WriteFile(filepath.Join(folder, ".shoal", "root"), []byte("token"), 0o600)); err != nil {
		t.Fatal(err)
	}
	g := give(t, grove(t, 1000))
	seen := -1
	got, err := g.take(to, g.at, func(o *ReceiveOptions) {
		o.Ask = func(*List, int64) (bool, error) {
			return true, nil
		}
		o.Progress = func(Progress) {
			there, err := os.ReadDir(to)
			if seen = len(there); err != nil {
				t.Error(err)
			}
		}
	})
	if err != nil || seen != 0 {
		t.Fatalf("%d things lie there early; %+v, %v", seen, got, err)
	}
	if _, err := os.Stat(filepath.Join(to, "grove", "a", "large")); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(folder, ".shoal", stagingPrefix+"*")); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
}

// A sender that says that all is sent is not believed.
func TestWhatDidNotComeIsLeftOut(t *testing.T) {
	to := t.TempDir()
	list := &List{Items: []Item{
		{Path: "half", Kind: kindFile, Size: 10}, {Path: "none", Kind: kindFile, Size: 10}, {Path: "empty", Kind: kindDir},
	}}
	s, err := openStore(to, list, [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if _, err := s.begin(nil, []byte{0, 0}); err != nil {
		t.Fatal(err)
	}
	if err := s.write([]byte("12345")); err != nil {
		t.Fatal(err)
	}
	s.drop()
	paths, problems, err := s.place()
	if err != nil || len(paths) != 1 || len(problems) != 2 {
		t.Errorf("placed %q, problems %q, %v", paths, problems, err)
	}
	if files, bytes := s.arrived(); files != 0 || bytes != 0 {
		t.Errorf("%d files of %d bytes arrived", files, bytes)
	}
}

func TestNamesThatFindNoFreePlace(t *testing.T) {
	at := filepath.Join(t.TempDir(), strings.Repeat("x", 250)+".txt")
	if err := os.WriteFile(at, nil, 0o600); err != nil {
		t.Skip(err)
	}
	if got := free(at); got == at {
		t.Error("what is there would be replaced")
	}
}

func TestNamesThatAreNoTextAreLeftOut(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "caf\xe9"), nil, 0o600); err != nil {
		t.Skip(err)
	}
	list, err := Gather([]string{dir})
	if err != nil || list.Files != 0 || len(list.Skipped) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
}

// When the connection breaks after the sender has believed the receiver, and before that
// one knows, the two go on all the same.
func TestABreakInTheMiddleOfAProof(t *testing.T) {
	t.Parallel()
	g := give(t, grove(t, 1000))
	r := &receiver{}
	r.key = newKey(t)
	call := func() *line {
		conn, err := net.Dial("tcp", g.at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		l, err := open(t.Context(), conn, r.key, true)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	key, err := call().prove(byWords, []byte(g.code.String()))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // what comes of the second proof is forgotten
		if _, err := call().prove(byKey, again(key)); err != nil {
			t.Fatal(err)
		}
	}
}

// Who has been quiet for long has to read what is there already: both ends are told, and
// take it for no rule that is broken.
func TestTheSenderTellsThatItReads(t *testing.T) {
	t.Parallel()
	at := filepath.Join(t.TempDir(), "some")
	if err := os.WriteFile(at, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := Gather([]string{at})
	if err != nil {
		t.Fatal(err)
	}
	near, far := tied(t)
	s := &sender{opts: SendOptions{List: list, Progress: func(Progress) {}}}
	done := make(chan error, 1)
	go func() {
		_, err := s.giveFile(near, 0, 5, &Progress{})
		done <- errors.Join(err, near.flush())
	}()
	for _, want := range []byte{sayFile, sayWait, sayEnd} {
		if kind, _, err := far.hear(); err != nil || kind != want {
			t.Fatalf("heard %d, want %d, %v", kind, want, err)
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func newKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Error(err)
	}
	return key
}

// tied returns two ends of a conversation.
func tied(t *testing.T) (near, far *line) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	got := make(chan *line, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		key := newKey(t)
		l, err := open(ctx, conn, key, false)
		if err == nil {
			got <- l
		}
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	key := newKey(t)
	if near, err = open(ctx, conn, key, true); err != nil {
		t.Fatal(err)
	}
	far = <-got
	t.Cleanup(func() {
		near.conn.Close()
		far.conn.Close()
	})
	return near, far
}

// Before the yes nothing is made on the disk.
func TestNothingIsMadeBeforeTheYes(t *testing.T) {
	t.Parallel()
	to := filepath.Join(t.TempDir(), "not", "there")
	g := give(t, grove(t, 1000))
	for _, yes := range []bool{false, true} {
		got, err := g.take(to, g.at, func(o *ReceiveOptions) {
			o.Ask = func(*List, int64) (bool, error) {
				if _, err := os.Stat(filepath.Dir(to)); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("asked when something was there: %v", err)
				}
				return yes, nil
			}
		})
		if err != nil || (got != nil) != yes {
			t.Fatalf("%+v, %v", got, err)
		}
		g = give(t, grove(t, 1000))
	}
}

// What an earlier try left is hashed before it is believed, however whole it looks.
func TestWhatAnEarlierTryLeftIsNotBelieved(t *testing.T) {
	t.Parallel()
	from, to := grove(t, 100_000), t.TempDir()
	g := give(t, from)
	var staged string
	_, err := g.take(to, g.at, func(o *ReceiveOptions) {
		o.Progress = func(p Progress) {
			if found, _ := filepath.Glob(filepath.Join(to, stagingPrefix+"*", "grove", "a", "large")); len(found) == 1 {
				staged = found[0]
			}
		}
	})
	if err != nil || staged == "" {
		t.Fatalf("%q, %v", staged, err)
	}
	// It lies there again as after a try that was ended: as large and as old as it is to be,
	// and unwritable.
	now := filepath.Join(to, "grove", "a", "large")
	info, err := os.Stat(now)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(staged), 0o700), os.WriteFile(staged, make([]byte, info.Size()), 0o400),
		os.Chtimes(staged, info.ModTime(), info.ModTime()), os.RemoveAll(filepath.Join(to, "grove"))); err != nil {
		t.Fatal(err)
	}
	g = give(t, from)
	if _, err := g.take(to, newCable(t, g.at, 0, 0).at, nil); err != nil {
		t.Fatal(err)
	}
	if a, b := picture(t, from), picture(t, filepath.Join(to, "grove")); !slices.Equal(a, b) {
		t.Error("what arrived differs")
	}
}
