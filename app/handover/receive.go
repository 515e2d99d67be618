package handover

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/shoal-sync/shoal/discovery/pairing"
)

const (
	// againMin and againMax are the waits before calling again after a break.
	againMin = 300 * time.Millisecond
	againMax = 5 * time.Second
	// patience is how long a break may last before the receiver gives up. What has come is
	// kept, and a new code goes on with it.
	patience = 2 * time.Minute
	// spoiltMax is how often a file may arrive changed before it is given up.
	spoiltMax = 3
)

// ReceiveOptions say which code was entered, where things go, and who is asked and told.
type ReceiveOptions struct {
	Places    Places
	Code      pairing.Code
	Addresses []string // HOST:PORT of the sender, when a person knows it
	To        string
	Within    time.Duration // to find the sender
	// Ask is asked once, whether what is offered is to be taken; how much of it is here
	// already is the second argument. An error ends it.
	Ask      func(list *List, have int64) (bool, error)
	Progress func(Progress)
}

// ErrNotFound reports that nobody was found who shows the code.
var ErrNotFound = errors.New("nobody was found who sends by this code")

// errDeclined is what the sender is told of a no.
var errDeclined = errors.New("not taken")

// Received is what has come.
type Received struct {
	Paths    []string // where what was sent is now
	Files    int
	Bytes    int64
	Problems []string // files that could not be taken
}

// receiver is one run of Receive.
type receiver struct {
	opts    ReceiveOptions
	key     ed25519.PrivateKey
	places  []place
	proven  []byte // what proves the next conversation; nil until the words did
	asked   bool
	listed  [32]byte
	store   *store
	moved   time.Time // when something last came
	spoilt  map[string]int
	answers Received
}

// Receive enters a code, takes what is sent by it, and puts it in its place. It is nil
// without an error when the person said no.
func Receive(ctx context.Context, opts ReceiveOptions) (*Received, error) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()
	r := &receiver{opts: opts, key: key, spoilt: map[string]int{}}
	defer func() {
		if r.store != nil {
			r.store.close()
		}
	}()
	found := make(chan place)
	opts.Places.seek(ctx, &work, key, opts.Code.Slot, found)
	for _, at := range opts.Addresses {
		r.places = append(r.places, place{at, func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", at)
		}})
	}
	err = r.run(ctx, found)
	if errors.Is(err, errDeclined) {
		return nil, nil
	}
	if err != nil {
		if r.store != nil && !r.store.some() {
			r.store.discard()
		} else if r.store != nil {
			err = fmt.Errorf("%w; what has come is kept in %s: receive the same again and it goes on", err, r.store.dir)
		}
		return nil, err
	}
	return &r.answers, nil
}

// run calls until everything is there.
func (r *receiver) run(ctx context.Context, found <-chan place) error {
	limit := time.Now().Add(r.opts.Within)
	wait := againMin
	var last error
	for {
		for _, p := range append([]place(nil), r.places...) {
			before := r.moved
			over, err := r.call(ctx, p)
			if over || ctx.Err() != nil {
				return err
			}
			last = err
			if r.moved != before {
				wait = againMin
			}
		}
		if r.proven != nil {
			limit = r.moved.Add(patience)
		}
		if time.Now().After(limit) {
			if last == nil {
				return ErrNotFound
			}
			return fmt.Errorf("the connection broke and does not come back: %w", last)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case p := <-found:
			r.note(p)
		case <-time.After(wait):
			wait = min(2*wait, againMax)
		}
	}
}

// note remembers where the sender may be, once.
func (r *receiver) note(p place) {
	for _, o := range r.places {
		if o.what == p.what {
			return
		}
	}
	if len(r.places) < 16 {
		r.places = append(r.places, p)
	}
}

// call has one conversation. It reports whether that is the end of all.
func (r *receiver) call(ctx context.Context, p place) (over bool, err error) {
	dialing, cancel := context.WithTimeout(ctx, proveTime)
	defer cancel()
	conn, err := p.dial(dialing)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	l, err := open(ctx, conn, r.key, true)
	if err != nil {
		return false, err
	}
	by, secret := byWords, []byte(r.opts.Code.String())
	if r.proven != nil {
		by, secret = byKey, r.proven
	}
	key, err := l.prove(by, secret)
	var refused refusal
	switch {
	case errors.Is(err, errWrong), errors.Is(err, errProof) && by == byWords, errors.As(err, &refused):
		return true, err
	case err != nil:
		return false, err
	}
	if r.places = []place{p}; r.proven == nil {
		r.proven = again(key)
	}
	r.moved = time.Now()
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return false, err
	}
	return r.take(ctx, l)
}

// take takes what is sent, in one conversation. It reports whether that is the end of all.
func (r *receiver) take(ctx context.Context, l *line) (over bool, err error) {
	list, sum, err := hearList(l)
	if err != nil {
		if errors.Is(err, errPath) || errors.Is(err, errRules) {
			l.refuse("the list is not one that can be taken")
			return true, err
		}
		return false, err
	}
	if r.asked && r.listed != sum {
		l.refuse("the list has changed in the middle")
		return true, errRules
	}
	if !r.asked {
		if err := r.agree(ctx, l, list, sum); err != nil {
			l.refuse("not taken")
			return true, err
		}
		r.asked, r.listed = true, sum
	}
	if r.store == nil {
		if r.store, err = openStore(r.opts.To, list, sum); err != nil {
			l.refuse("it cannot be put there: " + err.Error())
			return true, err
		}
	}
	r.answers.Problems = nil // what could not be had before may be had now
	if err := r.store.tell(l); err != nil {
		return false, err
	}
	return r.files(ctx, l, list)
}

// agree asks the person. Nothing is made on this disk before the yes, and after a no what an
// earlier try left goes, too.
func (r *receiver) agree(ctx context.Context, l *line, list *List, sum [32]byte) error {
	left := leftOf(r.opts.To, list, sum)
	have := int64(0)
	if left != nil {
		defer left.close()
		have = left.have()
	}
	yes, err := r.ask(ctx, l, list, have)
	if err != nil || yes {
		return err
	}
	if left != nil {
		left.discard()
	}
	return errDeclined
}

// ask waits for the person's yes, and lets the sender know meanwhile that it lives.
func (r *receiver) ask(ctx context.Context, l *line, list *List, have int64) (bool, error) {
	answer := make(chan error, 1)
	yes := false
	go func() {
		var err error
		yes, err = r.opts.Ask(list, have)
		answer <- err
	}()
	ticker := time.NewTicker(waitEvery)
	defer ticker.Stop()
	for {
		select {
		case err := <-answer:
			return yes, err
		case <-ctx.Done():
			return false, ctx.Err()
		case <-ticker.C:
			if err := l.say(sayWait); err != nil {
				return false, err
			}
			if err := l.flush(); err != nil {
				return false, err
			}
		}
	}
}

// files takes files until all are there, and puts them in their place.
func (r *receiver) files(ctx context.Context, l *line, list *List) (over bool, err error) {
	p := Progress{Bytes: r.store.have(), Total: list.Bytes}
	for {
		kind, body, err := l.hear()
		if err != nil {
			var refused refusal
			return errors.As(err, &refused), err
		}
		r.moved = time.Now()
		switch kind {
		case sayFile:
			if p.File, err = r.store.begin(l, body); err != nil {
				l.refuse(err.Error())
				return true, err
			}
		case sayData:
			if err := r.store.write(body); err != nil {
				l.refuse("it cannot be written there: " + err.Error())
				return true, err
			}
			p.Bytes += int64(len(body))
			r.opts.Progress(p)
		case sayEnd:
			if err := r.ended(body); err != nil {
				var spoilt errSpoilt
				if errors.As(err, &spoilt) {
					return false, err
				}
				l.refuse(err.Error())
				return true, err
			}
		case sayWait: // the sender reads what is here already
		case sayAll:
			return r.finish(l)
		default:
			return true, errRules
		}
	}
}

// ended closes a file. One that arrived otherwise than it was sent is fetched anew.
func (r *receiver) ended(body []byte) error {
	problem, err := r.store.end(body)
	if problem != "" {
		r.answers.Problems = append(r.answers.Problems, problem)
	}
	var spoilt errSpoilt
	if errors.As(err, &spoilt) {
		if r.spoilt[string(spoilt)]++; r.spoilt[string(spoilt)] >= spoiltMax {
			return fmt.Errorf("%s arrives changed again and again: the disk of one of the two may be failing", spoilt)
		}
	}
	return err
}

func (r *receiver) finish(l *line) (over bool, err error) {
	paths, problems, err := r.store.place()
	if err != nil {
		l.refuse("it cannot be put in its place: " + err.Error())
		return true, err
	}
	r.answers.Paths = paths
	r.answers.Files, r.answers.Bytes = r.store.arrived()
	r.answers.Problems = append(r.answers.Problems, problems...)
	if l.say(sayDone) == nil {
		_ = l.flush() // it is all here: that the sender hears of it is a courtesy
		_ = l.conn.CloseWrite()
	}
	return true, nil
}
