package host

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/app/recording"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/tree"
)

// recordMax is how large a recording may become. Ten thousand files that come in make
// about 20 MB of it; and whoever asked for a recording and forgot it keeps his disk.
const recordMax = 1 << 30

// recorder writes what the machines of this agent are told and what they order. Each
// thing is handed to the system at once, so that it is there when the program falls over
// the next. A nil recorder writes nothing.
type recorder struct {
	log *slog.Logger
	max int64

	mu       sync.Mutex
	file     *os.File // nil when the recording has ended
	to       *recording.Writer
	size     int64
	machines uint64
}

// openRecorder begins a run in a recording, behind those of earlier runs.
func openRecorder(path, version string, log *slog.Logger) (*recorder, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	r := &recorder{log: log, max: recordMax, file: file, to: recording.NewWriter()}
	if r.size, err = wholeLength(file); err == nil {
		err = file.Truncate(r.size)
	}
	if err == nil {
		_, err = file.Seek(r.size, io.SeekStart)
	}
	if err == nil && r.size == 0 {
		_, err = file.WriteString(recording.Magic)
		r.size = int64(len(recording.Magic))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("record into %s: %w", path, err), file.Close())
	}
	r.add(recording.Run{
		Version: version, System: runtime.GOOS + "/" + runtime.GOARCH, Wall: time.Now().UnixMilli(),
	})
	log.Info("everything that happens is recorded, with names of files but not what is in them", "file", path)
	return r, nil
}

// wholeLength returns how much of a recording is good: a run that was killed may have
// left half a frame. A file with anything else in it is left alone.
func wholeLength(file *os.File) (int64, error) {
	if info, err := file.Stat(); err != nil || info.Size() == 0 {
		return 0, err
	}
	from, err := recording.NewReader(bufio.NewReaderSize(file, 1<<20))
	for err == nil {
		err = from.Skip()
	}
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, recording.ErrTorn):
		return from.Whole(), nil
	case errors.Is(err, recording.ErrForeign):
		return 0, fmt.Errorf("%w; give the name of a new file", err)
	}
	return 0, err
}

// close ends the recording.
func (r *recorder) close() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.end()
}

func (r *recorder) end() error {
	if r.file == nil {
		return nil
	}
	file := r.file
	r.file = nil
	return file.Close()
}

// add writes one thing.
func (r *recorder) add(v any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		return
	}
	if err := r.put(v); err != nil {
		r.log.Error("the recording ends here; the agent goes on", "error", errors.Join(err, r.end()))
		return
	}
	if r.size > r.max {
		err := errors.Join(r.put(recording.Full{Limit: r.max}), r.end())
		r.log.Warn("the recording is as large as it may be and ends here; the agent goes on",
			"bytes", r.size, "error", err)
	}
}

func (r *recorder) put(v any) error {
	frames, err := r.to.Frames(v)
	if err != nil {
		return err
	}
	n, err := r.file.Write(frames)
	r.size += int64(n)
	return err
}

func (r *recorder) ended() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.file == nil
}

// machine numbers a machine that begins.
func (r *recorder) machine() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.machines++
	return r.machines
}

// newDevice makes the machine of the device, and what the loop is to run of it.
func (a *agent) newDevice() step.Machine[node.DeviceEvent, node.DeviceEffect] {
	seed := newSeed()
	a.machine = node.NewDevice(a.id, chanceOf(seed))
	if a.recorder == nil {
		return newCircled(a.machine, a.machine, chanceOf(newSeed()))
	}
	number := a.recorder.machine()
	a.recorder.add(recording.DeviceBegun{Machine: number, Self: a.id, Seed: seed})
	return newCircled(a.machine, recording.Watch(a.machine, number, nil, a.recorder.add), chanceOf(newSeed()))
}

// newFolder makes the machine of a folder, and what the loop is to run of it.
func (r *folderRun) newFolder(cfg folder.Config) (step.Machine[node.FolderEvent, node.FolderEffect], error) {
	seed := newSeed()
	rec := r.agent.recorder
	if rec == nil || rec.ended() {
		var err error
		r.machine, err = node.NewFolder(cfg, r.sharing, chanceOf(seed))
		return r.machine, err
	}
	number := rec.machine()
	rec.add(recording.BegunOf(number, seed, &cfg, &r.sharing))
	if err := r.look(func(v *index.View) error { return rec.load(number, v) }); err != nil {
		return nil, err
	}
	choices := &recording.Choices{Index: cfg.Index}
	cfg.Index = choices
	var err error
	if r.machine, err = node.NewFolder(cfg, r.sharing, chanceOf(seed)); err != nil {
		return nil, err
	}
	return recording.Watch(r.machine, number, choices, rec.add), nil
}

// load writes what an index holds.
func (r *recorder) load(number uint64, v *index.View) error {
	page := recording.Loaded{Machine: number}
	err := v.EachEntry(func(row *tree.Row) error {
		base, onDisk, err := v.Base(row.Entry.ID)
		if err != nil {
			return err
		}
		page.Rows = append(page.Rows, *row)
		if onDisk {
			page.Bases = append(page.Bases, base)
		}
		if len(page.Rows) == recording.LoadedMax {
			r.add(page)
			page.Rows, page.Bases = page.Rows[:0], page.Bases[:0]
		}
		return nil
	})
	if err == nil && len(page.Rows) > 0 {
		r.add(page)
	}
	return err
}
