package webrtc

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	pion "github.com/pion/webrtc/v4"
)

func offer() word {
	return word{
		kind: wordOffer, call: 0x0102030405060708, abilities: abilityQUIC, print: [32]byte{1, 31: 2},
		ice: pion.ICEParameters{UsernameFragment: "abcd", Password: strings.Repeat("p", 22)},
		candidates: []pion.ICECandidate{
			{Foundation: "0", Priority: 7, Address: "192.168.1.5", Protocol: pion.ICEProtocolUDP,
				Port: 4321, Typ: pion.ICECandidateTypeHost, Component: 1},
			{Foundation: "35", Priority: 9, Address: "2001:db8::1", Protocol: pion.ICEProtocolTCP,
				Port: 9, Typ: pion.ICECandidateTypeRelay, Component: 1, TCPType: "active"},
		},
	}
}

func TestWordsArePinned(t *testing.T) {
	const want = "01" + "0102030405060708" + "01" + "0461626364" +
		"1670707070707070707070707070707070707070707070" +
		"01000000000000000000000000000000000000000000000000000000000000" + "02" +
		"02" + "00" + "00000007" + "04c0a80105" + "10e1" +
		"23" + "00000009" + "1020010db8000000000000000000000001" + "0009"
	if got := hex.EncodeToString(offer().append(nil)); got != want {
		t.Errorf("offer:\n got %s\nwant %s", got, want)
	}
	hangUp := word{kind: wordHangUp, call: 1, reason: "no"}
	if got := hex.EncodeToString(hangUp.append(nil)); got != "04"+"0000000000000001"+"026e6f" {
		t.Errorf("hang up: %s", got)
	}
}

func TestWordsComeBackTheSame(t *testing.T) {
	for _, w := range []word{
		offer(), {kind: wordHangUp, call: 3, reason: "enough"},
		{kind: wordCandidates, call: 4, candidates: offer().candidates},
	} {
		got, err := parseWord(w.append(nil))
		if err != nil || !reflect.DeepEqual(got, w) {
			t.Errorf("got %+v, %v\nwant %+v", got, err, w)
		}
	}
}

func TestStrangeWordsAreRefused(t *testing.T) {
	whole := offer().append(nil)
	for cut := range whole {
		if _, err := parseWord(whole[:cut]); err == nil {
			t.Errorf("a word cut to %d of %d bytes was taken", cut, len(whole))
		}
	}
	crowd := word{kind: wordCandidates}
	for range candidatesWordMax + 1 {
		crowd.candidates = append(crowd.candidates, offer().candidates[0])
	}
	injected := offer()
	injected.ice.Password = strings.Repeat("p", 21) + "\n"
	for name, w := range map[string][]byte{
		"too many candidates": crowd.append(nil), "letters ICE does not have": injected.append(nil),
		"too long": append(offer().append(nil), make([]byte, WordMax)...), "an unknown kind": {99, 0, 0, 0, 0, 0, 0, 0, 0},
	} {
		if _, err := parseWord(w); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	nowhere := word{kind: wordCandidates, candidates: []pion.ICECandidate{
		{Address: "0.0.0.0", Port: 5}, {Address: "224.0.0.1", Port: 5}, {Address: "10.0.0.1"},
	}}
	for i := range nowhere.candidates {
		nowhere.candidates[i].Typ = pion.ICECandidateTypeHost
	}
	if got, err := parseWord(nowhere.append(nil)); err != nil || len(got.candidates) != 0 {
		t.Errorf("addresses that lead nowhere: %+v, %v", got.candidates, err)
	}
}

func FuzzParseWord(f *testing.F) {
	f.Add(offer().append(nil))
	f.Add(word{kind: wordHangUp, reason: "no"}.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := parseWord(b)
		if err != nil {
			return
		}
		again, err := parseWord(w.append(nil))
		if err != nil {
			t.Fatalf("%+v cannot be read again: %v", w, err)
		}
		if !bytes.Equal(w.append(nil), again.append(nil)) {
			t.Fatalf("%+v became %+v", w, again)
		}
	})
}
