package recording

import (
	"reflect"

	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/discovery/book"
	"github.com/shoal-sync/shoal/nat/route"
	"github.com/shoal-sync/shoal/nat/signal"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/peer"
	"github.com/shoal-sync/shoal/sync/roster"
	"github.com/shoal-sync/shoal/sync/settle"
	"github.com/shoal-sync/shoal/sync/swarm"
	"github.com/shoal-sync/shoal/sync/wire"
)

// registered are the types whose values may stand where any value may, by name.
var registered = byName(
	Run{}, DeviceBegun{}, FolderBegun{}, Loaded{}, Happened{}, Ordered{}, Full{},
	book.AddressFailed{}, book.AddressHeard{}, book.AddressWithdrawn{}, book.AddressWorked{},
	book.AddressesKnown{}, book.DeviceForgotten{},
	route.AddressesLearned{}, route.Call{}, route.CallsLearned{}, route.CloseLink{},
	route.DeviceForgotten{}, route.DeviceSought{}, route.DeviceTrusted{}, route.Dial{}, route.DialFailed{},
	route.FrameHeard{}, route.LinkLost{}, route.LinkUp{}, route.NetworkChanged{},
	route.PeerConnected{}, route.PeerLost{}, route.PingHeard{}, route.PongHeard{},
	route.SendPing{}, route.SendPong{}, route.Trouble{},
	signal.Began{}, signal.Deliver{}, signal.Forgotten{}, signal.HungUp{},
	signal.LetterCame{}, signal.Over{}, signal.Post{}, signal.Ring{}, signal.Said{},
	signal.Trusted{}, signal.WayOpened{},
	folder.AuditAsked{}, folder.AwayTooLong{}, folder.BrakeSet{}, folder.CheckedHeard{},
	folder.CheckedLearnt{}, folder.Committed{}, folder.ContentAsked{}, folder.ContentFailed{},
	folder.ContentHere{}, folder.ContentLacking{}, folder.ContentsStaged{},
	folder.ContentUsed{}, folder.ContentsHeld{}, folder.DeadLoaded{}, folder.DropContent{},
	folder.DropPeer{}, folder.Execute{}, folder.FetchContent{}, folder.FindingsReported{},
	folder.FoundEntries{}, folder.GiveUpAsked{}, folder.GivenUp{}, folder.HeldAnswered{}, folder.HorizonHeard{},
	folder.KnowledgeHeard{}, folder.LoadDead{}, folder.LoadDeleted{}, folder.LoadNeeds{},
	folder.LookAt{}, folder.MayWrite{}, folder.MemberAdded{}, folder.MemberRemoved{},
	folder.NameMoved{}, folder.NamePlaced{}, folder.NeedsLoaded{}, folder.Notice{}, folder.OutcomesReported{},
	folder.PathAsked{}, folder.PathTold{}, folder.PatternsChanged{}, folder.PeerArrived{},
	folder.PeerLeft{}, folder.PeerStands{}, folder.ReaderHeard{}, folder.RecallOrders{},
	folder.RemembersAlone{}, folder.RepairHeard{}, folder.ReplicasHeard{}, folder.ReplicasLearnt{},
	folder.RevertAsked{}, folder.Reverting{}, folder.RolledBack{}, folder.RootSigned{},
	folder.RotFound{}, folder.RowsReceived{}, folder.RowsTaken{}, folder.ScanEnded{},
	folder.SignRoot{}, folder.SignedHeard{}, folder.SignedWanted{}, folder.StandsSigned{},
	folder.Tell{},
	peer.NamesTold{}, peer.ServeNames{}, peer.ServeTrash{}, peer.TrashTold{},
	roster.Answered{}, roster.Changed{}, roster.Connected{}, roster.Drop{}, roster.Heard{},
	roster.Lost{}, roster.PlacesHeard{}, roster.Save{}, roster.Saved{}, roster.Send{},
	roster.ShareAsked{}, roster.Sign{}, roster.Signed{}, roster.TellPlaces{},
	roster.UnshareAsked{},
	settle.LookAsked{}, settle.LookFinished{}, settle.NameMoved{}, settle.NamePlaced{}, settle.NamesTouched{},
	settle.RescanAsked{}, settle.ScanFolder{}, settle.ScanNames{}, settle.WatchLimited{},
	settle.WatchOverflowed{},
	swarm.AskPieces{}, swarm.AsksCanceled{}, swarm.AsksEnded{}, swarm.CancelPieces{},
	swarm.CheckHaves{}, swarm.ContentDropped{}, swarm.ContentFailed{},
	swarm.ContentReady{}, swarm.ContentWanted{}, swarm.ContentsHere{}, swarm.DegreeChosen{}, swarm.DropProspect{},
	swarm.FindRecipe{},
	swarm.HavesChecked{}, swarm.Heard{}, swarm.OpenPart{}, swarm.OpenStage{},
	swarm.OrderChosen{}, swarm.PartCame{}, swarm.PartOpened{}, swarm.PartRead{}, swarm.PeerPlaced{},
	swarm.PeerBanned{}, swarm.PeerHas{}, swarm.PeerJoined{},
	swarm.PeerLeft{}, swarm.PeersLeft{}, swarm.PieceBad{}, swarm.PiecesAsked{}, swarm.PiecesServed{},
	swarm.PiecesStored{}, swarm.PolicyChosen{}, swarm.ProspectRead{}, swarm.RateLimited{},
	swarm.RecipeFound{},
	swarm.Send{}, swarm.Serve{}, swarm.StageFailed{}, swarm.StageOpened{},
	swarm.StandingAsked{}, swarm.StandingTold{}, swarm.YieldPieces{},
	wire.AskCard{}, wire.AskDeleted{}, wire.AskEntries{}, wire.AskGone{}, wire.AskNames{},
	wire.AskParts{}, wire.AskPieces{}, wire.AskRecipes{}, wire.AskTrash{},
	wire.CancelPieces{}, wire.Card{}, wire.Carried{}, wire.Carry{}, wire.Checked{},
	wire.Clock{}, wire.DeletesHeld{}, wire.Found{}, wire.Goodbye{}, wire.Have{}, wire.Hello{}, wire.Horizon{},
	wire.Join{}, wire.NamesFound{}, wire.NoPiece{}, wire.Parts{}, wire.Ping{}, wire.Pong{},
	wire.AskRelease{}, wire.AskReleasePart{}, wire.ReleaseTold{}, wire.Offers{},
	wire.Prospect{}, wire.ProspectEnded{},
	wire.Recipes{}, wire.Records{}, wire.Refuse{}, wire.Replicas{}, wire.Roster{},
	wire.Rows{}, wire.RowsTaken{}, wire.SignedRoot{}, wire.Slice{}, wire.State{},
	wire.TrashHeld{}, wire.WantHave{}, wire.Whereabouts{}, wire.YieldPieces{},
	node.AskMembers{}, node.DropPeer{}, node.LoadRows{}, node.MembersAsked{},
	node.MessageHeard{}, node.PauseChanged{}, node.PeerConnected{}, node.PeerLost{},
	node.PiecesServed{}, node.Question{}, node.RenewReplica{}, node.RowsLoaded{},
	node.ScanFinished{}, node.SendTo{}, node.ServeRecipes{}, node.Sync{}, node.Synced{},
)

// known are all types with fields that a recording may announce, by name.
var known = reachable(registered)

func byName(values ...any) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for _, v := range values {
		t := reflect.TypeOf(v)
		out[t.String()] = t
	}
	return out
}

func reachable(from map[string]reflect.Type) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		if _, own := customs[t]; own {
			return
		}
		switch t.Kind() {
		case reflect.Slice, reflect.Array, reflect.Pointer:
			walk(t.Elem())
		case reflect.Struct:
			if out[t.String()] != nil {
				return
			}
			out[t.String()] = t
			for _, f := range fieldsOf(t) {
				walk(t.Field(f.index).Type)
			}
		}
	}
	for _, t := range from {
		walk(t)
	}
	return out
}
