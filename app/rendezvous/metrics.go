package rendezvous

import (
	"fmt"
	"net/http"
	"runtime"
)

// showMetrics writes what there is of everything, as Prometheus reads it. It tells of
// nobody in particular.
func (s *Server) showMetrics(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || r.URL.Path != "/metrics" {
		http.NotFound(w, r)
		return
	}
	s.mu.Lock()
	c := s.core.Counts()
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	for _, m := range []struct {
		name, kind, help string
		value            uint64
	}{
		{"devices", "gauge", "Devices that are connected.", uint64(c.Devices)},
		{"connections", "gauge", "Connections of devices, registered or not.", uint64(c.Conns)},
		{"codes", "gauge", "Codes that are shown.", uint64(c.Slots)},
		{"folders", "gauge", "Folders of which members are named, as far as devices say.", uint64(c.Folders)},
		{"folder_shares", "gauge", "Devices that share them, counted for each.", uint64(c.Shares)},
		{"pipes_waiting", "gauge", "Pipes whose second end has not come.", uint64(c.Pipes)},
		{"turn_relays", "gauge", "Relayed addresses of TURN.", uint64(s.relays.count())},
		{"goroutines", "gauge", "Goroutines of the program.", uint64(runtime.NumGoroutine())},
		{"registrations_total", "counter", "Devices that registered.", c.Registrations},
		{"letters_total", "counter", "Sealed letters that were carried.", c.Letters},
		{"calls_total", "counter", "Pipes that were asked for.", c.Calls},
		{"members_named_total", "counter", "Members of folders that devices were told of.", c.Handed},
		{"refusals_total", "counter", "Wishes that were refused.", c.Refusals},
		{"pipe_bytes_total", "counter", "Bytes through pipes.", s.relayed.Load()},
	} {
		_, _ = fmt.Fprintf(w, "# HELP shoal_rendezvous_%s %s\n# TYPE shoal_rendezvous_%s %s\nshoal_rendezvous_%s %d\n",
			m.name, m.help, m.name, m.kind, m.name, m.value)
	}
}
