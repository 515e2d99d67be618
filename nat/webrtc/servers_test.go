package webrtc

import (
	"reflect"
	"testing"

	pion "github.com/pion/webrtc/v4"
)

func TestServersAreReadAsPeopleWriteThem(t *testing.T) {
	got, err := ParseServers("stun.example.org:3478, stun:[2001:db8::1]:19302 " +
		"turn:bob:p@ss:word@192.0.2.1:3478,turn:bob:x@h:5?transport=tcp,turns:bob:x@h:5349")
	want := []Server{
		{URL: "stun:stun.example.org:3478"}, {URL: "stun:[2001:db8::1]:19302"},
		{URL: "turn:192.0.2.1:3478?transport=udp", User: "bob", Password: "p@ss:word"},
		{URL: "turn:h:5?transport=tcp", User: "bob", Password: "x"},
		{URL: "turns:h:5349?transport=tcp", User: "bob", Password: "x"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range []string{
		"example.org", "http://example.org", "stun:h:0", "stun:h:70000", "turn:bob@h:1", "turn::x@h:1", "turn:h:1",
		"stun:h:1?transport=tcp", "turn:b:x@h:1?transport=sctp", ":3478",
	} {
		if got, err := ParseServers(bad); err == nil {
			t.Errorf("%q was taken for %+v", bad, got)
		}
	}
	if got, err := ParseServers("none, none"); err == nil {
		t.Errorf("none: %+v", got)
	}
}

// What a rendezvous tells may be anything. What is left of it must never keep the calls of
// devices that need no server from being made.
func TestServersThatAreToldAreOfUse(t *testing.T) {
	urls := []string{
		"nonsense", "stun:", "stun:h:99999", "http://h:1", "turn:h:1?transport=sctp", "stun:h:3478",
		"turn:h:3478?transport=udp", "turn:eve:x@h:3478?transport=tcp", "turns:h:3479",
	}
	want := []Server{
		{URL: "stun:h:3478"}, {URL: "turn:h:3478?transport=udp", User: "bob", Password: "x"},
		{URL: "turn:h:3478?transport=tcp", User: "bob", Password: "x"},
		{URL: "turns:h:3479?transport=tcp", User: "bob", Password: "x"},
	}
	for _, words := range []struct {
		user, password string
		want           []Server
	}{{"bob", "x", want}, {"bob", "", want[:1]}, {"", "x", want[:1]}} {
		got := ToldServers(urls, words.user, words.password)
		if !reflect.DeepEqual(got, words.want) {
			t.Errorf("with %q and %q: %+v", words.user, words.password, got)
		}
		for _, s := range got {
			_, err := pion.NewAPI().NewICEGatherer(pion.ICEGatherOptions{ICEServers: []pion.ICEServer{
				{URLs: []string{s.URL}, Username: s.User, Credential: s.Password},
			}})
			if err != nil {
				t.Errorf("%+v prevents calls: %v", s, err)
			}
		}
	}
}
