package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/shoal-sync/shoal/internal/ident"
)

// membersName is the directory, beside the key, of what owners said about members. It is
// not below index: deleting that must not make an owner give a number out twice.
const membersName = "members"

// membersMax bounds the list of one folder: as many records as there may be, each with all
// it can hold.
const membersMax = 64 << 20

// Members returns the list of a folder's members as SaveMembers wrote it; nil without one.
func (h *Home) Members(id ident.FolderID) ([]byte, error) {
	file, err := os.Open(h.MembersFile(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, membersMax))
}

// SaveMembers puts the list of a folder's members in place of the old one, at once or not
// at all. It stays when the folder is not kept any more.
func (h *Home) SaveMembers(id ident.FolderID, list []byte) error {
	path := h.MembersFile(id)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return writeDurably(path, list)
}

// MembersFile returns where the list of a folder's members is kept, for messages.
func (h *Home) MembersFile(id ident.FolderID) string {
	return filepath.Join(h.dir, keysName, membersName, id.String())
}
