// Package logbook keeps what the agent logs: the latest lines in memory, for whoever asks
// the agent, and all of them in a file that is begun anew when it grows too long.
//
// It knows lines and files, not what they say. The program makes a book and logs into it;
// the host answers from it.
package logbook

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// The lines kept in memory are bounded by number and by size: a day of a calm agent, or
// some minutes of one that tells everything.
const (
	linesMax = 5000
	bytesMax = 2 << 20
)

// Line is one line of the log, without its line break.
type Line struct {
	Number uint64 // from 1, in this run
	Text   string
}

// Book takes in lines and hands them on. Its methods may be called from any goroutine.
type Book struct {
	mu      sync.Mutex
	to      io.Writer
	last    uint64
	lines   []Line
	bytes   int
	changed chan struct{} // closed and replaced at each line
}

// New returns a book that hands every line on to a writer.
func New(to io.Writer) *Book { return &Book{to: to, changed: make(chan struct{})} }

// Write takes in whole lines, as loggers write them.
func (b *Book) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for line := range bytes.Lines(text) {
		b.last++
		kept := Line{b.last, strings.TrimRight(string(line), "\r\n")}
		b.lines = append(b.lines, kept)
		b.bytes += len(kept.Text)
	}
	drop := 0
	for len(b.lines)-drop > linesMax || b.bytes > bytesMax && len(b.lines)-drop > 1 {
		b.bytes -= len(b.lines[drop].Text)
		drop++
	}
	clear(b.lines[:drop])
	b.lines = b.lines[drop:]
	close(b.changed)
	b.changed = make(chan struct{})
	return b.to.Write(text)
}

// After returns the lines kept whose number is above since, and a channel that is closed
// when there are more.
func (b *Book) After(since uint64) ([]Line, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.lines) == 0 || since >= b.last {
		return nil, b.changed
	}
	from := 0
	if first := b.lines[0].Number; since >= first {
		from = int(since - first + 1)
	}
	return append([]Line(nil), b.lines[from:]...), b.changed
}
