package host

import (
	"path"
	"slices"
	"sync"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/settle"
	"github.com/shoal-sync/shoal/sync/tree"
)

// installs knows which files this program itself is putting in place, and which it has put
// there lately. The system tells of those changes like of any other. A look at one that is
// not recorded yet would take it for a person's new file and hash it: of a large one, all
// its bytes once more.
type installs struct {
	mu     sync.Mutex
	inHand map[string]bool // by path; being put in place
	late   map[string]bool // of those: touched meanwhile
	// young and old hold what was put in place last, as it looked then: recentInstalls to
	// twice as many.
	young, old map[string]placed
	looks      int // that have begun
}

// placed is how a file looked when it was put in place, and how many looks had begun then.
type placed struct {
	stat  tree.Stat
	looks int
}

// recentInstalls bounds what is remembered: about 1 MiB. The system tells of a change within
// moments.
const recentInstalls = 4096

func (i *installs) init() {
	i.inHand, i.late = map[string]bool{}, map[string]bool{}
	i.young = map[string]placed{}
}

func installed(o *tree.Order) bool { return o.Op == tree.InstallFile || o.Op == tree.InstallLink }

// begin notes what is about to be put in place.
func (i *installs) begin(orders []tree.Order) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for n := range orders {
		if installed(&orders[n]) {
			i.inHand[orders[n].Path] = true
		}
	}
}

// end notes what came of it, which the loop has been told, and returns what was touched
// meanwhile.
func (i *installs) end(orders []tree.Order, outcomes []tree.Outcome) (late []string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for n := range orders {
		o := &orders[n]
		if !installed(o) {
			continue
		}
		delete(i.inHand, o.Path)
		if i.late[o.Path] {
			delete(i.late, o.Path)
			late = append(late, o.Path)
		}
		if outcomes[n].Refusal != tree.Done {
			i.forgetLocked(o.Path)
			continue
		}
		if len(i.young) >= recentInstalls {
			i.young, i.old = make(map[string]placed, recentInstalls), i.young
		}
		i.young[o.Path] = placed{outcomes[n].Stat, i.looks}
	}
	return late
}

func (i *installs) forgetLocked(path string) {
	delete(i.young, path)
	delete(i.old, path)
}

// look notes that a look begins, which waits until all that was put in place is recorded.
// One at all of the folder has to find that by itself.
func (i *installs) look(full bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.looks++
	if full {
		clear(i.young)
		clear(i.old)
	}
}

// part tells the paths that are in hand, which are looked at later, from the others, and
// returns how those looked that were put in place lately.
func (i *installs) part(paths []string) (others []string, were map[string]tree.Stat) {
	i.mu.Lock()
	defer i.mu.Unlock()
	others, were = make([]string, 0, len(paths)), map[string]tree.Stat{}
	for _, p := range paths {
		if i.inHand[p] {
			i.late[p] = true
			continue
		}
		others = append(others, p)
		if was, ok := i.lately(p); ok {
			were[p] = was.stat
		}
	}
	return others, were
}

func (i *installs) lately(path string) (was placed, ok bool) {
	if was, ok = i.young[path]; !ok {
		was, ok = i.old[path]
	}
	return was, ok
}

// own reports that a file found in a directory is in hand, which is looked at later, or as
// it was put there since the look began: what is recorded of it came too late for that. What
// was there before is for the index to tell, which may know that it has moved since.
func (i *installs) own(path string, s tree.Stat) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.inHand[path] {
		i.late[path] = true
		return true
	}
	was, ok := i.lately(path)
	if ok && was.stat != s {
		i.forgetLocked(path) // whatever it is from now on is judged by the index
		return false
	}
	return ok && was.looks == i.looks
}

// sift leaves out of names that were touched what this program did itself: names that are
// still as it left them, and names that it has in hand, which are touched again when that is
// over. The loop must have recorded what is over.
func (r *folderRun) sift(paths []string) []string {
	others, were := r.installs.part(paths)
	ours := make([]string, 0, len(were))
	for _, p := range others {
		if _, known := were[p]; known {
			ours = append(ours, p)
		}
	}
	slices.Sort(ours) // what is in one directory, together
	for i, now := range r.disk.LookEach(ours) {
		if p := ours[i]; now.Err != nil || !now.There || now.Stat != were[p] {
			delete(were, p)
		}
	}
	if len(were) > 0 {
		if err := r.look(func(v *index.View) error { return dropMoved(v, were) }); err != nil {
			clear(were) // the look will meet it, too
		}
	}
	r.installs.mu.Lock()
	defer r.installs.mu.Unlock()
	for _, p := range ours {
		if _, own := were[p]; !own {
			r.installs.forgetLocked(p) // whatever it is from now on is judged by the index
		}
	}
	return slices.DeleteFunc(others, func(p string) bool {
		_, own := were[p]
		return own
	})
}

// dropMoved leaves only names that the index has for the very file that is there. Somebody
// may have moved that with a directory above it, and back alone: then it is there by a move.
func dropMoved(v *index.View, were map[string]tree.Stat) error {
	dirs := map[ident.EntryID]string{}
	at := func(b tree.Base) (string, error) {
		dir, known := dirs[b.Parent]
		if !known {
			var ok bool
			var err error
			if dir, ok, err = v.Path(b.Parent); err != nil || !ok {
				return "", err
			}
			dirs[b.Parent] = dir
		}
		return path.Join(dir, b.Name), nil
	}
	for p, s := range were {
		rows, err := v.BaseByFile(s.File)
		here := false
		for i := 0; i < len(rows) && err == nil && !here; i++ {
			var is string
			is, err = at(rows[i])
			here = is == p
		}
		if err != nil {
			return err
		}
		if !here {
			delete(were, p)
		}
	}
	return nil
}

// touchLate has names looked at that were touched while they were put in place.
func (r *folderRun) touchLate(orders []tree.Order, outcomes []tree.Outcome) {
	if late := r.installs.end(orders, outcomes); len(late) > 0 {
		r.post(settle.NamesTouched{Paths: late})
	}
}
