package portmap

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const description = `<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><device><serviceList><service>
<serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType><serviceId>x</serviceId>
<controlURL>/c</controlURL><eventSubURL>/e</eventSubURL><SCPDURL>/s</SCPDURL></service></serviceList></device></root>`

var home = netip.MustParseAddr("127.0.0.1")

// igd is a router of UPnP, but for the search: that is multicast.
type igd struct {
	at      *url.URL
	text    string        // its description, if it is a particular one
	forEver bool          // it gives ports for no other time
	rude    bool          // it gives a port to whoever asked last
	silent  bool          // it does not say whose a port is
	takes   time.Duration // for each answer

	mu      sync.Mutex
	clients map[string]string // outer port to client and inner port
	said    []string
}

func newIGD(t *testing.T) *igd {
	t.Helper()
	r := &igd{clients: map[string]string{}}
	server := httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(server.Close)
	at, err := url.Parse(server.URL + "/root.xml")
	if err != nil {
		t.Fatal(err)
	}
	r.at = at
	return r
}

// question is what is asked, as far as it matters here.
type question struct {
	Body struct {
		Action struct {
			Outer   string `xml:"NewExternalPort"`
			Inner   string `xml:"NewInternalPort"`
			Client  string `xml:"NewInternalClient"`
			Seconds string `xml:"NewLeaseDuration"`
		} `xml:",any"`
	} `xml:"Body"`
}

func (r *igd) serve(w http.ResponseWriter, asked *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, name, _ := strings.Cut(strings.Trim(asked.Header.Get("SOAPAction"), `"`), "#")
	if name == "" {
		fmt.Fprint(w, cmp.Or(r.text, description))
		return
	}
	var q question
	if err := xml.NewDecoder(asked.Body).Decode(&q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	<-time.After(r.takes)
	f := q.Body.Action
	r.said = append(r.said, strings.TrimSpace(name+" "+f.Outer))
	answer, code := "", 0
	has, want := r.clients[f.Outer], f.Client+":"+f.Inner
	switch name {
	case "GetExternalIPAddress":
		answer = "<NewExternalIPAddress>198.51.100.9</NewExternalIPAddress>"
	case "GetSpecificPortMappingEntry":
		client, inner, found := strings.Cut(has, ":")
		answer = "<NewInternalPort>" + inner + "</NewInternalPort><NewInternalClient>" + client +
			"</NewInternalClient><NewEnabled>1</NewEnabled><NewPortMappingDescription/>" +
			"<NewLeaseDuration>0</NewLeaseDuration>"
		if r.silent {
			code = 401
		} else if !found {
			code = 714
		}
	case "AddPortMapping":
		switch {
		case r.forEver && f.Seconds != "0":
			code = faultForEver
		case has != "" && has != want && !r.rude:
			code = faultTaken
		default:
			r.clients[f.Outer] = want
		}
	case "DeletePortMapping":
		delete(r.clients, f.Outer)
	}
	const envelope = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>%s</s:Body></s:Envelope>`
	if code != 0 {
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, envelope, fmt.Sprintf("<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError"+
			`</faultstring><detail><UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>%d</errorCode>`+
			"</UPnPError></detail></s:Fault>", code))
		return
	}
	fmt.Fprintf(w, envelope, fmt.Sprintf(`<u:%sResponse xmlns:u="urn:schemas-upnp-org:service:WANIPConnection:1">`+
		"%s</u:%sResponse>", name, answer, name))
}

// grants asks for a port and returns which one the router gave.
func (r *igd) grants(t *testing.T, port uint16) Granted {
	t.Helper()
	got, err := sighting{home, r.at}.ask(t.Context(), port)
	if err != nil {
		t.Fatalf("port %d: %v", port, err)
	}
	return got
}

func TestUPnP(t *testing.T) {
	r := newIGD(t)
	got := r.grants(t, 22100)
	if got.Outside != netip.MustParseAddrPort("198.51.100.9:22100") {
		t.Fatalf("granted %+v", got)
	}
	if err := got.remove(t.Context()); err != nil {
		t.Error(err)
	}
	if len(r.clients) != 0 {
		t.Errorf("the router still holds %v", r.clients)
	}
}

// TestTwoDevicesOfOneHouse: both want the same port, and each gets one, whether the router
// refuses what is taken, gives it to whoever asked last, or does not say whose it is. Each
// keeps its own when it asks again.
func TestTwoDevicesOfOneHouse(t *testing.T) {
	for name, make := range map[string]func(*igd){
		"polite": func(*igd) {}, "rude": func(r *igd) { r.rude = true }, "silent": func(r *igd) { r.silent = true },
		"for ever": func(r *igd) { r.forEver = true },
	} {
		t.Run(name, func(t *testing.T) {
			r := newIGD(t)
			make(r)
			const other = "192.168.1.99:22100"
			r.clients["22100"] = other
			first := r.grants(t, 22100)
			port := first.Outside.Port()
			if port == 22100 || r.clients["22100"] != other {
				t.Fatalf("it took the port of another device: %v", r.clients)
			}
			delete(r.clients, "22100") // the other one has gone: nobody moves because of that
			if r.silent {
				return // and cannot know that the port is its own
			}
			if again := r.grants(t, 22100); again.Outside != first.Outside || len(r.clients) != 1 {
				t.Errorf("it had %v and has %v: %v", first.Outside, again.Outside, r.clients)
			}
			if err := first.remove(t.Context()); err != nil || len(r.clients) != 0 {
				t.Errorf("%v; the router still holds %v", err, r.clients)
			}
		})
	}
}

// TestEveryPortIsTaken: then there is a reason, and nothing was taken from anybody.
func TestEveryPortIsTaken(t *testing.T) {
	r := newIGD(t)
	for _, outer := range outerPorts(netip.MustParseAddrPort("127.0.0.1:22100")) {
		r.clients[fmt.Sprint(outer)] = "192.168.1.99:1"
	}
	got, err := sighting{home, r.at}.ask(t.Context(), 22100)
	if err == nil || !strings.Contains(err.Error(), "to others") {
		t.Errorf("granted %v, %v", got, err)
	}
	if slices.ContainsFunc(r.said, func(s string) bool { return strings.HasPrefix(s, "Add") }) {
		t.Errorf("it asked for what is another's: %v", r.said)
	}
}

// TestASlowRouter: one that takes long for each answer is asked for little, so that the port
// is there in the time that a round has.
func TestASlowRouter(t *testing.T) {
	t.Parallel()
	r := newIGD(t)
	r.takes = 600 * time.Millisecond
	begun := time.Now()
	if got := r.grants(t, 22100); got.Outside.Port() != 22100 {
		t.Errorf("granted %+v", got)
	}
	if most := 5; len(r.said) > most {
		t.Errorf("in %v it was asked %v, want %d questions at most", time.Since(begun), r.said, most)
	}
}
