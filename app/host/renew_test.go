package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// One device makes a folder begin anew once an hour; that keeps no other from being heard.
func TestEachPeerRenewsOnceAnHour(t *testing.T) {
	a := &agent{events: newEvents(time.Now()), renewals: map[ident.FolderID]renewal{}}
	folder, mallory, honest := ident.FolderID{1}, ident.DeviceID{2}, ident.DeviceID{3}
	now := time.Now()
	if !a.renewals[folder].allows(mallory, now) {
		t.Fatal("nobody may make it begin anew")
	}
	a.noteRenewal(folder, "it was away", mallory)
	now = now.Add(renewalsApart / 2)
	if r := a.renewals[folder]; r.allows(mallory, now) || !r.allows(honest, now) {
		t.Error("the same device may at once, or another one may not")
	}
	if !a.renewals[folder].allows(mallory, now.Add(renewalsApart)) {
		t.Error("the same device may never again")
	}
	if p, ok := a.renewalProblem(folder); !ok || p.Kind != "renewed" {
		t.Errorf("people are told %+v", p)
	}
}

// No look goes into the parking place: what rests there and an old copy of the index knows
// nothing of would be taken for deleted, and never be seen again.
func TestWhatIsParkedAndForgottenIsPutBack(t *testing.T) {
	r := &folderRun{}
	root := onDisk(t, r)
	indexed(t, r)
	for i, name := range []string{"known", "forgotten"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		is, _, err := r.disk.Look(name)
		if err != nil {
			t.Fatal(err)
		}
		o := tree.Order{Op: tree.Move, Path: name, To: tree.ParkingDir + "/" + name, Victim: &is}
		if out := r.disk.Execute([]tree.Order{o}); out[0].Refusal != tree.Done {
			t.Fatalf("%+v", out)
		}
		base := tree.Base{Entry: ident.EntryID{byte(i + 1)}, Parent: ident.Root, Name: name, Stat: is, Rev: 1}
		if name == "known" {
			base.Parent = tree.Parking
		}
		r.store.Apply(tree.Batch{Placed: []tree.Base{base}})
	}
	if err := os.WriteFile(filepath.Join(root, "recovered forgotten"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.beginLife(tree.State{Replica: 1, Log: 1}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "recovered forgotten 2"))
	if err != nil || string(text) != "forgotten" {
		t.Errorf("what was forgotten reads %q, %v", text, err)
	}
	if _, there, err := r.disk.Look(tree.ParkingDir + "/known"); err != nil || !there {
		t.Errorf("what the index remembers was taken out of the parking place: %v", err)
	}
}

// A folder that must wait until it begins anew again says with whom nothing is exchanged
// meanwhile, and says it of nobody where that is not so.
func TestAFolderThatBeganAnewTooLatelySaysWhy(t *testing.T) {
	const cut = "nothing is exchanged"
	for why, reason := range renewed {
		text := tooSoonText(why, "anna")
		if !strings.Contains(text, reason) || !strings.Contains(text, "anna") {
			t.Errorf("the reason or the device is lacking in %q", text)
		}
		if got, want := strings.Contains(text, cut), why != node.RemembersAlone; got != want {
			t.Errorf("%q says that %s with anna: %v, want %v", text, cut, got, want)
		}
	}
}
