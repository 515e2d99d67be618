package pake

import (
	"bytes"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/gtank/ristretto255"
)

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestVectorsOfTheDraft: appendix B.3 of draft-irtf-cfrg-cpace. Its associated data is not
// empty as ours is, so the key is computed from the parts.
func TestVectorsOfTheDraft(t *testing.T) {
	c := Context{
		Parties: []byte("\x0bA_initiator\x0bB_responder"),
		Channel: unhex(t, "7e4b4791d6a8ef019b936c79fb7f2c57"),
	}
	text := generatorText([]byte("Password"), c)
	hash := sha512.Sum512(text)
	if len(text) != 170 || !bytes.HasPrefix(hash[:], unhex(t, "da6d3ddc8802fca9058755ffd3ebde08a9c2c749")) {
		t.Fatalf("generator text of %d bytes, hash %x", len(text), hash)
	}
	g, err := generator([]byte("Password"), c)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "generator", g.Bytes(), "222b6b195fe84b1652badb6f6a3ae3d24341e7306967f0b8115b40d5698c7e56")
	scalar := func(text string) *ristretto255.Scalar {
		s, err := ristretto255.NewScalar().SetCanonicalBytes(unhex(t, text))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	a := begin(true, scalar("da3d23700a9e5699258aef94dc060dfda5ebb61f02a5ea77fad53f4ff0976d08"), g)
	b := begin(false, scalar("d2316b454718c35362d83d69df6320f38578ed5984651435e2949762d900b80d"), g)
	equal(t, "Ya", a.Share(), "d6bac480f2c386c394efc7c47adb9925dcd2630b64f240c50f8d0eec482b9157")
	equal(t, "Yb", b.Share(), "3ea7e0b19560d7c0b0f5734f63b955286dfa8232b5ebe63324e2d9e7433f7258")
	theirs, err := ristretto255.NewIdentityElement().SetCanonicalBytes(b.Share())
	if err != nil {
		t.Fatal(err)
	}
	point := theirs.ScalarMult(a.scalar, theirs).Bytes()
	equal(t, "K", point, "80b69a8a76457ab6a4d7f887a4bf6b55a2f80ac19c333f917a05fc9887c8b40f")
	isk := sha512.Sum512(append(lengthValue(nil, []byte(suite+"_ISK"), c.Channel, point),
		lengthValue(nil, a.Share(), []byte("ADa"), b.Share(), []byte("ADb"))...))
	equal(t, "ISK", isk[:], `b69effbf61b51d56401c0f65601abe428de8206feaaf0e32198896dc
		ae7b35cd2b38950a39dfd5d4a79164614c2984f7daa460b588c1e80c3fa2068af7900447`)
}

func equal(t *testing.T, what string, got []byte, want string) {
	t.Helper()
	if !bytes.Equal(got, unhex(t, want)) {
		t.Errorf("%s is %x", what, got)
	}
}

func run(t *testing.T, initiator bool, secret string, c Context, seed byte) *Run {
	t.Helper()
	r, err := Start(initiator, []byte(secret), c, bytes.Repeat([]byte{seed}, ChanceSize))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func finish(t *testing.T, r *Run, share []byte) *Key {
	t.Helper()
	k, err := r.Finish(share)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeysAgreeExactlyWhenEverythingDoes(t *testing.T) {
	usual := Context{Parties: []byte("ab"), Channel: []byte("one")}
	for _, c := range []struct {
		name, secret string
		context      Context
		first        bool
		agree        bool
	}{
		{"same", "otter maple", usual, false, true},
		{"other secret", "otter mapla", usual, false, false},
		{"other parties", "otter maple", Context{[]byte("ac"), []byte("one")}, false, false},
		{"other channel", "otter maple", Context{[]byte("ab"), []byte("two")}, false, false},
		{"both initiators", "otter maple", usual, true, false},
	} {
		a, b := run(t, true, "otter maple", usual, 1), run(t, c.first, c.secret, c.context, 2)
		ka, kb := finish(t, a, b.Share()), finish(t, b, a.Share())
		if got := ka.Proves(kb.Proof()) && kb.Proves(ka.Proof()); got != c.agree {
			t.Errorf("%s: proofs hold: %v", c.name, got)
		}
		if got := bytes.Equal(ka.Derive("x"), kb.Derive("x")); got != c.agree {
			t.Errorf("%s: keys are equal: %v", c.name, got)
		}
		if ka.Proves(ka.Proof()) || bytes.Equal(ka.Derive("x"), ka.Derive("y")) {
			t.Errorf("%s: what must differ is equal", c.name)
		}
	}
}

func TestBadSharesAreRefused(t *testing.T) {
	r := run(t, true, "otter maple", Context{}, 1)
	for _, share := range [][]byte{nil, make([]byte, ShareSize), bytes.Repeat([]byte{0xff}, ShareSize), make([]byte, 31)} {
		if _, err := r.Finish(share); err != ErrShare {
			t.Errorf("share %x: %v", share, err)
		}
	}
	if _, err := Start(true, nil, Context{}, make([]byte, 63)); err == nil {
		t.Error("a run began with too little chance")
	}
}

func TestKeysPrintAsDots(t *testing.T) {
	a, b := run(t, true, "x", Context{}, 1), run(t, false, "x", Context{}, 2)
	k := finish(t, a, b.Share())
	if text := fmt.Sprintf("%v %+v %#v", k, k, k); text != "… … …" {
		t.Errorf("a key prints as %s", text)
	}
}
