package tree

import "testing"

// What an order was to replace does not look as if it had been replaced, however like it is.
func TestTheOldLinkLooksNotLikeTheNewOne(t *testing.T) {
	old := Stat{Kind: Link, Size: 1, File: FileID{Volume: 1, Inode: 7}}
	other := old
	other.File.Inode = 8
	longer := other
	longer.Size = 2
	nameless := Stat{Kind: Link, Size: 1} // on a volume without file identities
	over := Order{Op: InstallLink, Target: "d", Victim: &old}
	for _, c := range []struct {
		name  string
		order Order
		found Stat
		there bool
		want  bool
	}{
		{"the old one", over, old, true, false},
		{"another one of the length", over, other, true, true},
		{"one of another length", over, longer, true, false},
		{"nothing", over, Stat{}, false, false},
		{"where nothing was", Order{Op: InstallLink, Target: "d"}, other, true, true},
		{"without identities", Order{Op: InstallLink, Target: "d", Victim: &nameless}, nameless, true, true},
	} {
		if got := LooksDone(&c.order, c.found, c.there); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// Archives and builds give files of one size the same time. After a crash the old one is not
// taken for the new one, whose content would then be overwritten everywhere.
func TestTheOldFileLooksNotLikeTheNewOne(t *testing.T) {
	old := Stat{Kind: File, Size: 5, Mtime: 7, File: FileID{Volume: 1, Inode: 7}}
	other := old
	other.File.Inode = 8
	over := Order{Op: InstallFile, Size: 5, Mtime: 7, Victim: &old}
	if LooksDone(&over, old, true) {
		t.Error("the old file looks as if it were the new one")
	}
	if !LooksDone(&over, other, true) {
		t.Error("the new file does not look as if it were there")
	}
}
