package webrtc

import (
	"context"
	"testing"
	"time"

	pion "github.com/pion/webrtc/v4"

	"github.com/shoal-sync/shoal/internal/ident"
)

// Candidates that come right behind the offer belong to its call: a carrier that told the
// offer again brings them all at once. And an offer that is told again may know more than
// the first did.
func TestWhatComesRightBehindTheOffer(t *testing.T) {
	t.Parallel()
	for kind, name := range map[byte]string{wordCandidates: "candidates", wordOffer: "the offer again"} {
		for range 3 {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				behindTheOffer(t, kind)
			})
		}
	}
}

// behindTheOffer calls with an offer that names no address, and then a word of a kind that
// does. The answer names none, so the callee reaches the caller by that word or not at all.
func behindTheOffer(t *testing.T, kind byte) {
	p, arrived := newPost(), make(chan *Link, 1)
	p.spoil = func(_, _ ident.DeviceID, text []byte) [][]byte {
		first, err := parseWord(text)
		if err != nil || first.kind != wordOffer && first.kind != wordAnswer {
			return nil
		}
		behind := first
		behind.kind = kind
		first.candidates = nil
		if first.kind == wordAnswer {
			return [][]byte{first.append(nil)}
		}
		return [][]byte{first.append(nil), behind.append(nil)}
	}
	a := p.join(t, Options{Key: keyOf(1)})
	b := p.join(t, Options{Key: keyOf(2), Arrived: func(l *Link) { arrived <- l }})
	link, err := a.Dial(context.Background(), b.id)
	if err != nil {
		t.Fatal(err)
	}
	over(link)
	over(<-arrived)
}

// What is found while the offer is still being sent does not overtake it.
func TestNoWordOvertakesTheOffer(t *testing.T) {
	t.Parallel()
	var e *Endpoint
	var c *call
	said := make(chan byte, 10)
	e, err := New(Options{Key: keyOf(1), Send: func(_ context.Context, _ ident.DeviceID, text []byte) error {
		w, err := parseWord(text)
		if err != nil {
			return err
		}
		if w.kind == wordOffer {
			c.gathered(&pion.ICECandidate{Typ: pion.ICECandidateTypeHost, Address: "192.0.2.1", Port: 1, Component: 1})
			<-e.work.Idle() // whatever says it in passing has done so
		}
		said <- w.kind
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c = newCall(ctx, e, deviceOf(keyOf(2)), 1)
	c.outgoing = true
	c.gathered(nil)
	c.hear(word{kind: wordAnswer})
	own := pion.ICEParameters{UsernameFragment: "name", Password: "apasswordof22andmoreletters"}
	if _, err := c.exchange(own); err != nil {
		t.Fatal(err)
	}
	if first, second := <-said, <-said; first != wordOffer || second != wordCandidates {
		t.Errorf("said %d and then %d, want the offer and then the candidate", first, second)
	}
	if len(said) > 0 {
		t.Errorf("%d words more were said", len(said))
	}
}
