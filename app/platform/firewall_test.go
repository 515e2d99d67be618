package platform

import "testing"

func TestFirewallRemedy(t *testing.T) {
	for _, c := range []struct {
		system, has string
		port        uint16
		want        string
	}{
		{"linux", "ufw", 22100, "sudo ufw allow 5353/udp && sudo ufw allow 22100/tcp"},
		{"linux", "ufw", 0, "sudo ufw allow 5353/udp"},
		{"linux", "firewall-cmd", 7, "sudo firewall-cmd --permanent --add-service=mdns && " +
			"sudo firewall-cmd --permanent --add-port=7/tcp && sudo firewall-cmd --reload"},
		{"linux", "firewall-cmd", 0, "sudo firewall-cmd --permanent --add-service=mdns && sudo firewall-cmd --reload"},
		{"linux", "", 22100, ""},
		{"darwin", "ufw", 22100, ""},
	} {
		got := firewallRemedy(c.system, func(name string) bool { return name == c.has }, c.port)
		if got != c.want {
			t.Errorf("%s with %q, port %d: %q, want %q", c.system, c.has, c.port, got, c.want)
		}
	}
}
