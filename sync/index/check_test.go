package index

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Damage anywhere in the file is found, whichever table it is in.
func TestCheckReadsEverything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder.db")
	fillAndClose(t, path, 500)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := openAt(t, path)
	if n, err := viewOf(t, s).Check(); err != nil || n != 500 {
		t.Fatalf("a sound index: %d entries, %v", n, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	const page = 4096
	found := 0
	for at := 20 * page; at+page <= len(whole); at += 5 * page {
		broken := append([]byte(nil), whole...)
		for i := range page {
			broken[at+i] ^= 0x55
		}
		file := filepath.Join(t.TempDir(), "folder.db")
		if err := os.WriteFile(file, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		s, _, err := Open(file)
		if err == nil {
			var v *View
			if v, err = s.View(); err == nil {
				_, err = v.Check()
				err = errors.Join(err, v.Close())
			}
			err = errors.Join(err, s.Close())
		}
		if errors.Is(err, ErrDamaged) {
			found++
		} else {
			t.Errorf("a broken page at %d of %d: %v", at, len(whole), err)
		}
	}
	if found == 0 {
		t.Error("the index is too small for this test")
	}
}
