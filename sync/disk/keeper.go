package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/shoal-sync/shoal/sync/tree"
)

// keeperName is the note of the index that kept the folder last: its log and how often it
// was opened, as two numbers on one line.
const keeperName = "keeper"

// Keeper returns the note of the index that kept the folder last; zero when there is none,
// or it cannot be understood.
func (f *Folder) Keeper() (k tree.Keeper, err error) {
	file, err := f.private.open(keeperName, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if err != nil {
		return k, fmt.Errorf("read which index kept the folder: %w", err)
	}
	const longest = 64
	text, err := io.ReadAll(io.LimitReader(file, longest))
	if err = errors.Join(err, file.Close()); err != nil {
		return k, fmt.Errorf("read which index kept the folder: %w", err)
	}
	if n, err := fmt.Sscanf(string(text), "%x %d\n", &k.Log, &k.Life); n != 2 || err != nil {
		return tree.Keeper{}, nil
	}
	return k, nil
}

// SetKeeper notes which index keeps the folder now, durably.
func (f *Folder) SetKeeper(k tree.Keeper) error {
	const fresh = keeperName + ".new"
	err := f.private.unlink(fresh)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err == nil {
		err = f.private.writeNew(fresh, fmt.Appendf(nil, "%x %d\n", uint64(k.Log), k.Life))
	}
	if err == nil {
		err = f.private.syncFile(fresh)
	}
	if err == nil {
		err = moveOver(f.private, fresh, f.private, keeperName)
	}
	if err == nil {
		err = f.private.sync()
	}
	if err != nil {
		return fmt.Errorf("note which index keeps the folder: %w", err)
	}
	return nil
}

// Unpark puts what rests in the parking place at the folder's top, under names that say
// what happened, but for the names in it of which somebody remembers whose they are: no
// look goes there, so what is forgotten there would be out of sight for ever.
func (f *Folder) Unpark(remembered func(name string) bool) error {
	parked, err := f.private.sub(parkedName)
	if err != nil {
		return fmt.Errorf("put parked files back: %w", err)
	}
	defer parked.release()
	names, err := parked.names()
	if err != nil {
		return fmt.Errorf("put parked files back: %w", err)
	}
	for _, name := range names {
		if remembered(name) {
			continue
		}
		to := "recovered " + name
		for n := 2; ; n++ {
			err = moveNew(parked, name, f.top, to)
			if !errors.Is(err, fs.ErrExist) || n > 100 {
				break
			}
			to = fmt.Sprintf("recovered %s %d", name, n)
		}
		if err != nil {
			return fmt.Errorf("put a parked file back as %q: %w", to, err)
		}
	}
	return nil
}
