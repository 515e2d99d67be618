package tree

import (
	"strings"
	"testing"
)

func TestTraitsAreOneString(t *testing.T) {
	s := TraitSet{Owner: "anna", Group: "#1000", Attributes: map[string]string{
		"b": "two", "a": "", "large": strings.Repeat("x", TraitValueMax+1)}}
	traits := s.Encode()
	got, ok := traits.Set()
	if !ok || got.Owner != "anna" || got.Group != "#1000" || len(got.Attributes) != 2 || got.Attributes["b"] != "two" {
		t.Errorf("%+v, %v", got, ok)
	}
	if (TraitSet{}).Encode() != NoTraits {
		t.Errorf("none are %q", (TraitSet{}).Encode())
	}
	for i := range 100 {
		s.Attributes[strings.Repeat("n", 1+i)] = strings.Repeat("v", 100)
	}
	if many := s.Encode(); len(many) > TraitsMax || len(many) < TraitsMax/2 {
		t.Errorf("many take %d bytes", len(many))
	}
}

func TestTraitsOfOthersStay(t *testing.T) {
	all := TraitSet{Owner: "anna", Group: "staff", Attributes: map[string]string{"a": "1"}}.Encode()
	attributes := Carry{Attributes: true}
	found := TraitSet{Attributes: map[string]string{"b": "2"}}.Encode()
	if got, _ := all.With(found, attributes).Set(); got.Owner != "anna" || got.Attributes["b"] != "2" || len(got.Attributes) != 1 {
		t.Errorf("changed: %+v", got)
	}
	if got, _ := all.Only(attributes).Set(); got.Owner != "" || got.Attributes["a"] != "1" {
		t.Errorf("only attributes: %+v", got)
	}
	if all.Only(Carry{}) != "" || Traits("").Only(attributes) != "" {
		t.Error("something is asked for where nothing is")
	}
	both := TraitSet{Attributes: map[string]string{"a": "other", "b": "2"}}.Encode()
	if got, _ := all.And(both).Set(); got.Attributes["a"] != "1" || got.Attributes["b"] != "2" {
		t.Errorf("together: %+v", got)
	}
	if all.And(all.Only(attributes)) != all || all.With(all, Carry{true, true}) != all {
		t.Error("the same is something else")
	}
}

func TestTraitsDiffer(t *testing.T) {
	one := TraitSet{Attributes: map[string]string{"a": "1"}}.Encode().Mark()
	none := NoTraits.Mark()
	for _, c := range []struct {
		was, is uint32
		want    bool
	}{{0, 0, false}, {one, 0, false}, {0, none, false}, {0, one, true}, {one, none, true}, {none, one, true}, {one, one, false}} {
		if TraitsDiffer(c.was, c.is) != c.want {
			t.Errorf("%+v", c)
		}
	}
}

func FuzzTraits(f *testing.F) {
	f.Add(string(NoTraits))
	f.Add("\x01\x04anna\x00\x01a\x011")
	f.Add("\x01\x00\x00\x01b\x00\x01a\x00")
	f.Add("\x01\x80\x00\x00")
	f.Fuzz(func(t *testing.T, text string) {
		s, ok := Traits(text).Set()
		if ok && text != "" && string(s.Encode()) != text {
			t.Errorf("%q is read as %q", text, s.Encode())
		}
	})
}
