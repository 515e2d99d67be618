// Package recording is the form of a recording: what entered the machines of a device, in
// order, and what they ordered. Fed to the same machines again, it must give the same
// orders; so what went wrong once at somebody's can be looked at as often as one likes.
//
// It knows every event and effect of the node, and how each is written; it decides
// nothing, and touches no file. The host writes recordings with a Writer, internal/sim
// reads them with a Reader and plays them.
//
//	file    = "shoal recording 1\n" frame …
//	frame   = length uint32, CRC-32C uint32 (both little-endian, of the rest), sort byte, …
//	sort 1  = a type: number, name, count of fields, of each its name and shape
//	sort 2  = a value: number of its type, fields
//	fields  = {number of the field from 1, length, value} …, 0
//
// Numbers are varints of encoding/binary, signed ones zigzag. Fields that are zero are
// left out. A type is announced before its first value, again in every Run. A reader goes
// by the names of types and fields: what this program has no more is passed over, what
// the file does not have is zero. So a recording outlives the versions of Shoal that do
// not change what its events mean. The file may end anywhere: what is whole before is
// good.
//
// Bytes of files are never in events, and so never here. Linking is left out, because
// codes and keys are in it, and so is what letters between devices hold.
package recording

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"reflect"
	"time"

	"github.com/shoal-sync/shoal/discovery/pairing"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/nat/signal"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/names"
	"github.com/shoal-sync/shoal/sync/tree"
)

// Magic begins every recording.
const Magic = "shoal recording 1\n"

// FrameMax bounds a frame, in bytes. The largest events are pages of a thousand rows,
// less than a megabyte; a list of members may have some megabytes.
const FrameMax = 64 << 20

const headSize = 8

// The sorts of frames.
const (
	announced = 1
	valued    = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Run begins what one run of the program did. Machines of runs before it are over.
type Run struct {
	Version string // of the program
	System  string // GOOS and GOARCH
	Wall    int64  // unix milliseconds
}

// DeviceBegun begins the machine of the device.
type DeviceBegun struct {
	Machine uint64 // numbers the machines of a run, from 1
	Self    ident.DeviceID
	Seed    [2]uint64
}

// FolderBegun begins the machine of a folder. What its index holds follows in Loaded, as
// much as it says; then come its events.
type FolderBegun struct {
	Machine   uint64
	Seed      [2]uint64
	Folder    ident.FolderID
	Device    ident.DeviceID
	State     tree.State
	Totals    tree.Totals
	Replicas  []tree.Replica
	Cursors   []tree.Cursor
	Intents   []tree.Intent
	Notes     []tree.Note
	Conflicts []ident.EntryID
	Brake     folder.Brake
	Patterns  []byte // as ignore.Patterns.Append writes them
	Volume    names.Volume
	Collect   time.Duration
	Key       [32]byte // of the device, public
	Members   []byte   // as members.Map.Append writes them
	Hand      []ident.DeviceID
}

// Loaded is a part of what the index of a folder holds.
type Loaded struct {
	Machine uint64
	Rows    []tree.Row
	Bases   []tree.Base
}

// Happened: a machine is being told of an event, or without one that its deadline has
// come. When no Ordered follows, the program ended before the machine had its answer.
type Happened struct {
	Machine uint64
	Now     step.Instant
	Event   any
}

// Ordered is what the machine answered. Holding are the entries that its index named, in
// order, where it was free to name any of several; zero where it named none.
type Ordered struct {
	Machine uint64
	Holding []ident.EntryID
	Effects []any
}

// Full ends a recording that has reached the size it may have, in bytes.
type Full struct{ Limit int64 }

// Recordable returns what is recorded of an event or effect. False: nothing is, because
// it is a part of linking. Of letters it is recorded how long they are, not what they
// hold.
func Recordable(e any) (any, bool) {
	switch e := e.(type) {
	case pairing.Event, pairing.Effect:
		return nil, false
	case signal.Said:
		e.Body = blank(e.Body)
		return e, true
	case signal.LetterCame:
		e.Letter.Body = blank(e.Letter.Body)
		return e, true
	case signal.Post:
		e.Letter.Body = blank(e.Letter.Body)
		return e, true
	case signal.Ring:
		e.Body = blank(e.Body)
		return e, true
	case signal.Deliver:
		e.Body = blank(e.Body)
		return e, true
	}
	return e, true
}

func blank(body []byte) []byte {
	if body == nil {
		return nil
	}
	return make([]byte, len(body))
}

// Writer makes frames of what happens. It is not safe for concurrent use.
type Writer struct {
	types writing
	out   []byte
	body  []byte
}

// NewWriter returns a writer that has announced nothing yet. A Run begins with one.
func NewWriter() *Writer {
	return &Writer{types: writing{known: map[reflect.Type]*writtenType{}}}
}

// Frames returns the frames of a value, one of the structs of this package. The bytes are
// valid until the next call.
func (w *Writer) Frames(v any) ([]byte, error) {
	w.out = w.out[:0]
	body, err := w.types.named(append(w.body[:0], valued), reflect.ValueOf(v))
	w.body = body
	if err != nil {
		w.types.fresh = nil
		return nil, err
	}
	for _, t := range w.types.fresh {
		w.frame(t.announce([]byte{announced}))
	}
	w.types.fresh = nil
	if len(body) > FrameMax {
		return nil, fmt.Errorf("record %T: %d bytes, more than %d", v, len(body), FrameMax)
	}
	w.frame(body)
	return w.out, nil
}

func (w *Writer) frame(body []byte) {
	w.out = binary.LittleEndian.AppendUint32(w.out, uint32(len(body)))
	w.out = binary.LittleEndian.AppendUint32(w.out, crc32.Checksum(body, castagnoli))
	w.out = append(w.out, body...)
}

// ErrTorn reports a recording whose end is damaged or was never written.
var ErrTorn = errors.New("the recording ends in the middle of a frame")

// ErrForeign reports a file that is no recording.
var ErrForeign = errors.New("this is no recording")

// Reader reads a recording, value by value.
type Reader struct {
	from  io.Reader
	at    int64
	types *reading
	body  []byte
}

// NewReader reads the beginning of a recording. The error wraps ErrForeign when it is
// none.
func NewReader(from io.Reader) (*Reader, error) {
	head := make([]byte, len(Magic))
	switch _, err := io.ReadFull(from, head); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("%w: it is too short", ErrForeign)
	case err != nil:
		return nil, err
	case string(head) != Magic:
		return nil, ErrForeign
	}
	return &Reader{from: from, at: int64(len(Magic)), types: newReading()}, nil
}

// Whole returns how many bytes were read and are good.
func (r *Reader) Whole() int64 { return r.at }

// Skip passes over a frame without looking into it: nil, io.EOF, or an error wrapping
// ErrTorn.
func (r *Reader) Skip() error {
	_, err := r.frame()
	return err
}

// Next returns the next value. It returns io.EOF at the end, and an error wrapping
// ErrTorn where the file ends in the middle of a frame, or is damaged.
func (r *Reader) Next() (any, error) {
	for {
		body, err := r.frame()
		if err != nil {
			return nil, err
		}
		switch {
		case len(body) > 0 && body[0] == announced:
			err = r.types.learn(body[1:])
		case len(body) > 0 && body[0] == valued:
			r.types.rest, r.types.room, r.types.depth = body[1:], roomMax, 0
			var v any
			err = r.types.any(reflect.ValueOf(&v).Elem())
			if err == nil && len(r.types.rest) == 0 && v != nil {
				if _, run := v.(Run); run {
					r.types.forget(reflect.TypeFor[Run]())
				}
				return v, nil
			}
			if err == nil {
				err = errValue
			}
		default:
			err = errValue
		}
		if err != nil {
			return nil, fmt.Errorf("read recording, frame before byte %d: %w", r.at, err)
		}
	}
}

// forget lets types be announced anew.
func (r *reading) forget(but reflect.Type) {
	for number, t := range r.types {
		if t.here != but {
			delete(r.types, number)
		}
	}
	clear(r.named)
	for _, t := range r.types {
		r.named[t.name] = t
	}
}

func (r *Reader) frame() ([]byte, error) {
	var head [headSize]byte
	switch _, err := io.ReadFull(r.from, head[:]); {
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, ErrTorn
	case err != nil:
		return nil, err
	}
	size := binary.LittleEndian.Uint32(head[:])
	if size > FrameMax {
		return nil, fmt.Errorf("%w: after byte %d", ErrTorn, r.at)
	}
	body, err := r.read(int(size))
	if err != nil {
		return nil, err
	}
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
		return nil, fmt.Errorf("%w: after byte %d", ErrTorn, r.at)
	}
	r.at += headSize + int64(size)
	return body, nil
}

// read grows as bytes come: a length alone makes it take no memory.
func (r *Reader) read(size int) ([]byte, error) {
	const part = 1 << 20
	r.body = r.body[:0]
	for len(r.body) < size {
		n := min(part, size-len(r.body))
		at := len(r.body)
		r.body = append(r.body, make([]byte, n)...)
		switch _, err := io.ReadFull(r.from, r.body[at:]); {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil, ErrTorn
		case err != nil:
			return nil, err
		}
	}
	return r.body, nil
}
