package wire

import "github.com/shoal-sync/shoal/internal/ident"

// FolderOf returns the folder a message is about; false for messages about a link.
func FolderOf(m Message) (ident.FolderID, bool) {
	switch m := m.(type) {
	case Join:
		return m.Folder, true
	case Refuse:
		return m.Folder, true
	case Replicas:
		return m.Folder, true
	case Roster:
		return m.Folder, true
	case Records:
		return m.Folder, true
	case Whereabouts:
		return m.Folder, true
	case AskNames:
		return m.Folder, true
	case NamesFound:
		return m.Folder, true
	case AskTrash:
		return m.Folder, true
	case TrashHeld:
		return m.Folder, true
	case Checked:
		return m.Folder, true
	case DeletesHeld:
		return m.Folder, true
	case State:
		return m.Folder, true
	case Rows:
		return m.Folder, true
	case RowsTaken:
		return m.Folder, true
	case WantHave:
		return m.Folder, true
	case Have:
		return m.Folder, true
	case AskRecipes:
		return m.Folder, true
	case Recipes:
		return m.Folder, true
	case AskPieces:
		return m.Folder, true
	case YieldPieces:
		return m.Folder, true
	case Prospect:
		return m.Folder, true
	case ProspectEnded:
		return m.Folder, true
	case AskParts:
		return m.Folder, true
	case Parts:
		return m.Folder, true
	case AskEntries:
		return m.Folder, true
	case AskDeleted:
		return m.Folder, true
	case Found:
		return m.Folder, true
	case Horizon:
		return m.Folder, true
	case SignedRoot:
		return m.Folder, true
	case AskGone:
		return m.Folder, true
	}
	return ident.FolderID{}, false
}
