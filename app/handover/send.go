package handover

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/shoal-sync/shoal/discovery/pairing"
	"github.com/shoal-sync/shoal/discovery/pake"
)

const (
	// callersMax conversations may be at their proof at once.
	callersMax = 8
	// triesMax conversations may begin for one code and prove nothing: they tell nothing
	// about it; so many come only from somebody who wants to disturb.
	triesMax = 50
)

// Progress is how far it has come.
type Progress struct {
	Bytes, Total int64
	File         string // that travels now
}

// SendOptions say what is sent, and who is told what happens.
type SendOptions struct {
	Places   Places
	List     *List
	Shown    func(code string) error // the code may be read out now
	Found    func()                  // the right words came
	Progress func(Progress)
}

// sender is one run of Send.
type sender struct {
	opts   SendOptions
	key    ed25519.PrivateKey
	code   pairing.Code
	room   chan struct{}
	result chan error // holds the first

	mu      sync.Mutex
	tries   int
	resume  []byte
	current *line
}

func drawCode() pairing.Code {
	var chance [8]byte
	rand.Read(chance[:]) // never fails: crypto/rand ends the program instead
	return pairing.DrawCode(chance)
}

// Send shows a code, and gives the list to who enters it. It returns when everything has
// arrived, or when the context ends.
func Send(ctx context.Context, opts SendOptions) error {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()
	listener, err := net.Listen("tcp", opts.Places.Listen)
	if err != nil {
		return err
	}
	s := &sender{opts: opts, key: key, room: make(chan struct{}, callersMax), result: make(chan error, 1)}
	called := func(conn net.Conn) { work.Go(func() { s.serve(ctx, conn) }) }
	defer listener.Close()
	work.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // it was closed
			}
			called(conn)
		}
	})
	at := listener.Addr().(*net.TCPAddr).AddrPort()
	var ready sync.WaitGroup // who calls before the code is drawn waits
	ready.Add(1)
	early := func(conn net.Conn) {
		work.Go(func() {
			ready.Wait()
			s.serve(ctx, conn)
		})
	}
	code := opts.Places.show(ctx, &work, key, at, early)
	s.mu.Lock()
	s.code = code
	s.mu.Unlock()
	ready.Done()
	if err := opts.Shown(code.String()); err != nil {
		return err
	}
	select {
	case err = <-s.result:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	s.mu.Lock()
	if s.current != nil {
		_ = s.current.conn.Close()
	}
	s.mu.Unlock()
	return err
}

func (s *sender) end(err error) {
	select {
	case s.result <- err:
	default:
	}
}

// secret returns what the other side must know.
func (s *sender) secret(by byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch by {
	case byWords:
		if s.code.Slot != 0 {
			return []byte(s.code.String())
		}
	case byKey:
		return s.resume
	}
	return nil
}

// proven notes what proves later conversations with whoever has proven the words. What goes
// on keeps its key: the last word of a proof may be lost.
func (s *sender) proven(by byte, key *pake.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if by == byWords {
		s.resume = again(key)
	}
}

// serve talks to one caller, from its proof to the end.
func (s *sender) serve(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	select {
	case s.room <- struct{}{}:
	default:
		return // it calls again
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	l, err := open(ctx, conn, s.key, false)
	if err != nil {
		<-s.room
		return
	}
	err = l.check(s.secret, s.proven)
	<-s.room
	if err != nil {
		s.mu.Lock()
		s.tries++
		tired := s.tries > triesMax
		s.mu.Unlock()
		switch {
		case errors.Is(err, errWrong):
			s.end(errors.New("somebody tried with wrong words: this code is dead now. " +
				"Was it not somebody mistyping it, then somebody wants what you send"))
		case tired:
			s.end(errors.New("too many called for this code and proved nothing: somebody disturbs; the code is dead now"))
		}
		return
	}
	s.mu.Lock()
	if s.current != nil {
		_ = s.current.conn.Close() // the same receiver has called anew
	}
	s.current, l.quiet = l, patientTime
	s.mu.Unlock()
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return
	}
	s.opts.Found()
	left, err := s.give(l)
	var refused refusal
	switch {
	case err == nil && len(left) > 0:
		s.end(fmt.Errorf("the rest has arrived, but not: %s", strings.Join(left, "; ")))
	case err == nil:
		s.end(nil)
	case errors.As(err, &refused):
		s.end(fmt.Errorf("the other side ended it: %w", err))
	} // else the connection broke: the receiver calls again
}

// give sends everything that the other side lacks, and waits until it is in its place. It
// returns what could not be read here.
func (s *sender) give(l *line) (left []string, err error) {
	if err := s.opts.List.send(l); err != nil {
		return nil, err
	}
	have, err := s.hearHave(l)
	if err != nil {
		return nil, err
	}
	p := Progress{Total: s.opts.List.Bytes}
	for i := range s.opts.List.Items {
		item := &s.opts.List.Items[i]
		if item.Kind != kindFile {
			continue
		}
		from, some := have[uint64(i)]
		if some && from > uint64(item.Size) { // it is whole there
			p.Bytes += item.Size
			continue
		}
		problem, err := s.giveFile(l, uint64(i), int64(from), &p)
		if err != nil {
			return nil, err
		}
		if problem != "" {
			left = append(left, problem)
		}
	}
	if err := l.say(sayAll); err != nil {
		return nil, err
	}
	if err := l.flush(); err != nil {
		return nil, err
	}
	for {
		switch kind, _, err := l.hear(); {
		case err != nil:
			return nil, err
		case kind == sayDone:
			return left, nil
		case kind != sayWait:
			return nil, errRules
		}
	}
}

// hearHave takes in how much of which file is there: more than its size says that it is
// whole.
func (s *sender) hearHave(l *line) (map[uint64]uint64, error) {
	have := map[uint64]uint64{}
	for {
		kind, body, err := l.hear()
		if err != nil {
			return nil, err
		}
		switch kind {
		case sayWait:
		case sayReady:
			return have, nil
		case sayHave:
			for len(body) > 0 {
				index, n := binary.Uvarint(body)
				size, m := binary.Uvarint(body[max(n, 0):])
				if n <= 0 || m <= 0 || index >= uint64(len(s.opts.List.Items)) {
					return nil, errRules
				}
				body = body[n+m:]
				have[index] = size
			}
		default:
			return nil, errRules
		}
	}
}

// errAway reports that the other side went while a file was read.
var errAway = errors.New("the connection broke")

// still lets the other side know that somebody is here.
func (l *line) still() error {
	if err := errors.Join(l.say(sayWait), l.flush()); err != nil {
		return fmt.Errorf("%w: %w", errAway, err)
	}
	return nil
}

// readAgain hashes what the receiver has of a file already, on both sides. That may take
// minutes, so every now and then it calls still.
func readAgain(sum io.Writer, file io.Reader, n int64, still func() error) error {
	told := time.Now()
	for n > 0 {
		part := min(n, 16<<20)
		if _, err := io.CopyN(sum, file, part); err != nil {
			return err
		}
		n -= part
		if time.Since(told) > waitEvery {
			if err := still(); err != nil {
				return err
			}
			told = time.Now()
		}
	}
	return nil
}

// giveFile sends a file from an offset on, and the hash of all of it. One that has changed
// since it was listed is told of, to both, and the others go on.
func (s *sender) giveFile(l *line, index uint64, from int64, p *Progress) (problem string, err error) {
	item := &s.opts.List.Items[index]
	p.File = item.Path
	if err := l.say(sayFile, binary.AppendUvarint(binary.AppendUvarint(nil, index), uint64(from))); err != nil {
		return "", err
	}
	sum := sha256.New()
	problem, err = s.giveBody(l, sum, from, p, item)
	switch {
	case err != nil:
		return "", err
	case problem != "":
		return problem, l.say(sayEnd, []byte{1}, []byte(problem))
	}
	return "", l.say(sayEnd, []byte{0}, sum.Sum(nil))
}

func (s *sender) giveBody(
	l *line, sum io.Writer, from int64, p *Progress, item *Item,
) (problem string, err error) {
	changed := item.Path + " has changed since it was listed"
	file, err := os.Open(item.from)
	if err != nil {
		return fmt.Sprintf("%s: %v", item.Path, errors.Unwrap(err)), nil // without where it is here
	}
	defer file.Close()
	if from > 0 { // the other side begins to read at the same time
		if err := l.still(); err != nil {
			return "", err
		}
	}
	if err := readAgain(sum, file, from, l.still); errors.Is(err, errAway) {
		return "", err
	} else if err != nil {
		return changed, nil
	}
	p.Bytes += from
	buffer := make([]byte, dataMax)
	for left := item.Size - from; left > 0; {
		n, err := file.Read(buffer[:min(left, dataMax)])
		if n == 0 && err != nil {
			return changed, nil
		}
		_, _ = sum.Write(buffer[:n]) // a hash takes everything
		if err := l.say(sayData, buffer[:n]); err != nil {
			return "", err
		}
		left -= int64(n)
		p.Bytes += int64(n)
		s.opts.Progress(*p)
	}
	if info, err := file.Stat(); err != nil || info.Size() != item.Size || info.ModTime().UnixNano() != item.Time {
		return changed, nil
	}
	return "", nil
}
