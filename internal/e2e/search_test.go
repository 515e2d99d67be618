//go:build unix

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// match is what scripts read of a search.
type match struct {
	Result  string `json:"result"`
	Folder  string `json:"folder"`
	Path    string `json:"path"`
	Size    int    `json:"size"`
	Devices []struct {
		Name string `json:"name"`
	} `json:"devices"`
}

// search tells what is found as "path size: devices", one a match.
func (a *agent) search(args ...string) (out []string) {
	a.t.Helper()
	var found []match
	must(a.t, json.Unmarshal([]byte(a.command(append([]string{"search", "--json"}, args...)...).done(a.t).out), &found))
	for _, m := range found {
		line := fmt.Sprintf("%s %d:", m.Path, m.Size)
		for _, d := range m.Devices {
			line += " " + d.Name
		}
		out = append(out, line)
	}
	return out
}

func (a *agent) finds(want string, args ...string) {
	a.t.Helper()
	a.eventually(patience, "the search finds "+want, func() error {
		if got := strings.Join(a.search(args...), "; "); got != want {
			return fmt.Errorf("%q finds %q", args, got)
		}
		return nil
	})
}

// TestSearch finds files by words, here and on the other device, and fetches them: into
// their place while they are on their way, and as copies elsewhere.
func TestSearch(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	large := strings.Repeat("0123456789abcdef", 300_000) // several pieces, 4.8 MB
	a.put("Trips/Été at the beach.txt", "sand")
	a.put("other.txt", "nothing")
	settle(a, b)
	both := "Trips/Été at the beach.txt 4: %s %s"
	a.finds(fmt.Sprintf(both, "anna", "bert"), "ete", "beach")
	b.finds(fmt.Sprintf(both, "bert", "anna"), "BEACH", "trips")
	b.finds("", "beach", "mountain")
	b.finds(fmt.Sprintf(both, "bert", "anna"), "beach", "--here")

	// What is on its way is found where it is, and fetched from there.
	b.command("folder", "set", shared, "limits", "down: 40KB/s").done(t)
	a.put("large beach", large)
	b.finds(fmt.Sprintf("large beach %d: anna", len(large)), "large", "beach")
	b.command("folder", "set", shared, "limits", "down: 1MB/s").done(t)
	to := filepath.Join(t.TempDir(), "made for it")
	fetched := b.command("fetch", shared+":large beach", "--to", to).done(t)
	copied, err := os.ReadFile(filepath.Join(to, "large beach"))
	if err != nil || string(copied) != large || !strings.Contains(string(fetched.out), to) {
		t.Errorf("the copy has %d bytes, %v; it said %s", len(copied), err, fetched.out)
	}
	b.command("fetch", shared+":large beach").done(t)
	if b.read("large beach") != large {
		t.Error("a file that was fetched is not in its place")
	}
	b.command("fetch", shared+":Trips/Été at the beach.txt", "--to", to).done(t)
	b.command("fetch", shared+":Trips/Été at the beach.txt", "--to", to).failed(t, 1, "is there already")
	b.command("fetch", shared+":Trips", "--to", to).failed(t, 2, "fetch a file")
	b.command("fetch", shared+":never was").failed(t, 1, "is known here")
	b.command("fetch", "nonsense").failed(t, 2, "no result of a search")
	b.command("search").failed(t, 2, "WORDS")
	if left, err := os.ReadDir(to); err != nil || len(left) != 2 {
		t.Errorf("beside the copies lies %v, %v", left, err)
	}
	a.move("other.txt", "beach house.txt")
	b.finds("beach house.txt 7: bert anna", "house")
	b.finds("", "other")
}
