package folder

import (
	"maps"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/shoal-sync/shoal/sync/tree"
)

// fill gives every field of a value something that is not its zero value.
func fill(v reflect.Value, r *rand.Rand) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), r)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), r)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1+r.IntN(3), 3))
		for i := range v.Len() {
			fill(v.Index(i), r)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), r)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString([]string{"a", "über/b", "\xff"}[r.IntN(3)])
	case reflect.Int64:
		v.SetInt(-1 - r.Int64N(1<<40))
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		v.SetUint(1 + r.Uint64N(255))
	default:
		panic("bug: the test does not know how to fill a " + v.Kind().String())
	}
}

// TestIntentsComeBackWhole: whatever field an order gets one day, it must come back after a
// crash.
func TestIntentsComeBackWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		batch := make([]intent, r.IntN(4))
		for i := range batch {
			fill(reflect.ValueOf(&batch[i]).Elem(), r)
		}
		body := encodeIntents(batch)
		got, err := parseIntents(body)
		if err != nil || !reflect.DeepEqual(got, batch) {
			t.Fatalf("%v\ngot  %+v\nwant %+v", err, got, batch)
		}
		for cut := range body {
			if _, err := parseIntents(body[:cut]); err == nil {
				t.Fatalf("cut at %d of %d bytes it is read all the same", cut, len(body))
			}
		}
		if _, err := parseIntents(append(body, 0)); err == nil {
			t.Fatal("more bytes than there should be are not noticed")
		}
	}
}

func encodeIntents(batch []intent) []byte {
	return appendIntents(nil, len(batch), func(i int) intent { return batch[i] })
}

func FuzzIntents(f *testing.F) {
	r := rand.New(rand.NewPCG(2, 2))
	batch := make([]intent, 2)
	for i := range batch {
		fill(reflect.ValueOf(&batch[i]).Elem(), r)
	}
	f.Add(encodeIntents(batch))
	f.Add([]byte{intentForm, 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		batch, err := parseIntents(body)
		if err != nil {
			return
		}
		again, err := parseIntents(encodeIntents(batch))
		if err != nil || !reflect.DeepEqual(batch, again) {
			t.Fatalf("%v: %+v became %+v", err, batch, again)
		}
	})
}

// What is parked by orders whose end nobody knows yet is not forgotten: not what they put
// there, what they take from there, nor a directory in which they do something.
func TestOrdersRememberWhatIsParked(t *testing.T) {
	park := tree.ParkingDir + "/"
	batch := []intent{
		{Order: tree.Order{Op: tree.Move, Path: "a/b", To: park + "put"}},
		{Order: tree.Order{Op: tree.Move, Path: park + "taken", To: "c"}},
		{Order: tree.Order{Op: tree.Remove, Path: park + "dir/d/e"}},
		{Order: tree.Order{Op: tree.Move, Path: "f", To: "parked/g"}},
	}
	body := encodeIntents(batch)
	got, err := ParkedByOrders([]tree.Intent{{Number: 1, Body: body[:0:0]}})
	if err == nil {
		t.Errorf("an intent that cannot be read remembers %v", got)
	}
	got, err = ParkedByOrders([]tree.Intent{{Number: 1, Body: body}})
	want := map[string]bool{"put": true, "taken": true, "dir": true}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}

// What an agent of the version before was about to do is known after an update, also when
// that agent was killed.
func TestIntentsOfTheFormBefore(t *testing.T) {
	batch := []intent{{Order: tree.Order{Op: tree.Move, Path: "a/b", To: "c", Mode: 0o644, Victim: &tree.Stat{Size: 3, Links: 1}}}}
	c := codec{b: []byte{intentForm - 1, 1}, form: intentForm - 1}
	c.intent(&batch[0])
	if got, err := parseIntents(c.b); err != nil || !reflect.DeepEqual(got, batch) {
		t.Errorf("%+v, %v", got, err)
	}
	if len(encodeIntents(batch)) <= len(c.b) {
		t.Error("the form before is no shorter")
	}
}
