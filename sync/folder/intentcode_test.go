package folder

import (
	"math/rand/v2"
	"reflect"
	"testing"
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
		body := appendIntents(nil, batch)
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

func FuzzIntents(f *testing.F) {
	r := rand.New(rand.NewPCG(2, 2))
	batch := make([]intent, 2)
	for i := range batch {
		fill(reflect.ValueOf(&batch[i]).Elem(), r)
	}
	f.Add(appendIntents(nil, batch))
	f.Add([]byte{intentForm, 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		batch, err := parseIntents(body)
		if err != nil {
			return
		}
		again, err := parseIntents(appendIntents(nil, batch))
		if err != nil || !reflect.DeepEqual(batch, again) {
			t.Fatalf("%v: %+v became %+v", err, batch, again)
		}
	})
}
