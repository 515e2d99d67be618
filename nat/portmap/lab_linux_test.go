package portmap

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/shoal-sync/shoal/internal/natlab"
)

const (
	labRole  = "SHOAL_LAB_ROLE"
	labOther = "203.0.113.9:5000"
)

func TestMain(m *testing.M) {
	switch role, how, _ := strings.Cut(os.Getenv(labRole), " "); role {
	case "":
		os.Exit(m.Run())
	case "ask":
		got, err := askUPnP(context.Background(), 22100)
		fmt.Println(got.Outside, err)
	case "other":
		serveAloud(labOther, http.HandlerFunc((&igd{clients: map[string]string{}}).serve))
	case "router":
		beRouter(how)
	}
}

// lies are what a device may answer to lead whoever searches to another computer. Each one
// but the first is a router otherwise.
var lies = map[string]struct{ location, description string }{
	"":         {"http://OWN/root.xml", description},
	"location": {"http://" + labOther + "/root.xml", description},
	"base": {"http://OWN/root.xml",
		strings.Replace(description, "<device>", "<URLBase>http://"+labOther+"/</URLBase><device>", 1)},
	"control":                {"http://OWN/root.xml", strings.Replace(description, "/c<", "http://"+labOther+"/c<", 1)},
	"redirected description": {"http://OWN/away/root.xml", description},
	"redirected control":     {"http://OWN/root.xml", strings.Replace(description, "/c<", "/away/c<", 1)},
}

// serveAloud serves until the process is killed, and prints what it is asked.
func serveAloud(at string, handler http.Handler) {
	listener, err := net.Listen("tcp", at)
	if err != nil {
		panic(err)
	}
	fmt.Println("serving")
	panic(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, asked *http.Request) {
		fmt.Println(asked.Method, asked.URL.Path)
		handler.ServeHTTP(w, asked)
	})))
}

// beRouter answers searches, and questions.
func beRouter(how string) {
	lie := lies[how]
	lan, err := net.InterfaceByName("lan")
	if err != nil {
		panic(err)
	}
	addrs, err := lan.Addrs()
	if err != nil {
		panic(err)
	}
	own := netip.AddrPortFrom(netip.MustParsePrefix(addrs[0].String()).Addr(), 5000).String()
	group, err := net.ListenMulticastUDP("udp4", lan, net.UDPAddrFromAddrPort(ssdpGroup))
	if err != nil {
		panic(err)
	}
	answer := []byte(fmt.Sprintf("HTTP/1.1 200 OK\r\nST: %s\r\nUSN: uuid:1\r\nLOCATION: %s\r\n\r\n",
		routerKinds[0], strings.Replace(lie.location, "OWN", own, 1)))
	go func() {
		question := make([]byte, ssdpMax)
		for {
			n, from, err := group.ReadFromUDPAddrPort(question)
			if err == nil && strings.Contains(string(question[:n]), "ST: "+routerKinds[0]+"\r\n") {
				_, err = group.WriteToUDPAddrPort(answer, from)
			}
			if err != nil {
				panic(err)
			}
		}
	}()
	r := &igd{clients: map[string]string{}, text: lie.description}
	serveAloud(own, http.HandlerFunc(func(w http.ResponseWriter, asked *http.Request) {
		if path, ok := strings.CutPrefix(asked.URL.Path, "/away"); ok {
			http.Redirect(w, asked, "http://"+labOther+path, http.StatusFound)
			return
		}
		r.serve(w, asked)
	}))
}

// labServer is one that runs on a computer of the lab.
type labServer struct {
	mu    sync.Mutex
	asked []string
}

func startLab(t *testing.T, on *natlab.Computer, role string) (s *labServer, end func()) {
	t.Helper()
	cmd := on.Command(os.Args[0])
	cmd.Env = append(os.Environ(), labRole+"="+role)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err == nil {
		cmd.Stderr = os.Stderr
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); err != nil || line != "serving\n" {
		t.Fatalf("%s said %q, %v", role, line, err)
	}
	s = new(labServer)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				if err != io.EOF {
					t.Error(err)
				}
				return
			}
			s.mu.Lock()
			s.asked = append(s.asked, strings.TrimSpace(line))
			s.mu.Unlock()
		}
	}()
	return s, func() {
		_ = cmd.Process.Kill() // it ends no other way
		<-done
		_ = cmd.Wait()
	}
}

// A device of the network that says it is a router is asked nothing but itself. Another
// computer hears nothing of it, neither by what the answer to the search names, nor by what
// the description says, nor by a redirection.
func TestARouterSpeaksForItself(t *testing.T) {
	t.Parallel()
	if !natlab.Inside(t) {
		return
	}
	lab := natlab.New(t)
	heard, endOther := startLab(t, lab.Public(9), "other")
	defer endOther()
	var asking sync.WaitGroup
	for how := range lies {
		house := lab.NewHome(natlab.Port)
		router, endRouter := startLab(t, house.Router, "router "+how)
		cmd := house.Host().Command(os.Args[0])
		cmd.Env = append(os.Environ(), labRole+"=ask")
		asking.Go(func() {
			out, err := cmd.CombinedOutput()
			endRouter()
			if err != nil {
				t.Errorf("%q: %v", how, err)
			}
			t.Logf("%q: %s", how, out)
			honest := strings.HasPrefix(string(out), "198.51.100.9:22100 ") && len(router.asked) > 2
			refused := strings.Contains(string(out), "does not name itself as what to speak to")
			if how == "" && !honest || how != "" && !refused {
				t.Errorf("%q: it was asked %q", how, router.asked)
			}
		})
	}
	asking.Wait()
	endOther()
	if len(heard.asked) > 0 {
		t.Errorf("another computer was asked %q", heard.asked)
	}
}

// Only what lies in a private network is a router as seen from inside, and only what it
// says of itself, by its address, is where it is asked.
func TestWhoMayBeARouter(t *testing.T) {
	for location, want := range map[string]map[string]bool{
		"http://%s/": {
			"192.168.1.1": true, "10.0.0.1": true, "172.16.0.1": true, "169.254.3.4": true,
			"203.0.113.1": false, "127.0.0.1": false, "0.0.0.0": false, "224.0.0.1": false,
		},
		"http://%s:49000/d.xml?a=b":     {"10.0.0.1": true},
		"http://[::ffff:%s]:80/":        {"10.0.0.1": true},
		"http://%s@10.0.0.2/":           {"10.0.0.1": false},
		"http://10.0.0.2/%s":            {"10.0.0.1": false},
		"http://localhost/%s":           {"10.0.0.1": false},
		"https://%s/":                   {"10.0.0.1": false},
		"//%s/":                         {"10.0.0.1": false},
		"file:///etc/passwd?%s":         {"10.0.0.1": false},
		"http://%[1]s:x@%[1]s/root.xml": {"10.0.0.1": false},
	} {
		for from, want := range want {
			at := fmt.Sprintf(location, from)
			answer := fmt.Sprintf("HTTP/1.1 200 OK\r\nST: %s\r\nLOCATION: %s\r\n\r\n", routerKinds[1], at)
			if _, err := sight([]byte(answer), netip.MustParseAddr(from)); (err == nil) != want {
				t.Errorf("%s: %v", at, err)
			}
		}
	}
}
