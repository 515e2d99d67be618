package platform

import (
	"fmt"
	"os/exec"
	"runtime"
)

// multicastDNS is the UDP port at which devices of a network ask for one another (RFC 6762).
const multicastDNS = 5353

// FirewallRemedy is a command that lets devices of the local network find this one and call
// it at port, and 0 when they do not call; empty where no firewall is known that a command
// opens. A person runs it: what a firewall lets in is not for us to change.
func FirewallRemedy(port uint16) string {
	installed := func(name string) bool {
		_, err := exec.LookPath(name)
		return err == nil
	}
	return firewallRemedy(runtime.GOOS, installed, port)
}

func firewallRemedy(system string, installed func(string) bool, port uint16) string {
	first, second := "", ""
	switch {
	case system == "windows":
		const rule = `netsh advfirewall firewall add rule name="Shoal" dir=in action=allow protocol=%s localport=%d`
		first, second = fmt.Sprintf(rule, "UDP", multicastDNS), fmt.Sprintf(rule, "TCP", port)
	case system == "linux" && installed("ufw"):
		const rule = "sudo ufw allow %d/%s"
		first, second = fmt.Sprintf(rule, multicastDNS, "udp"), fmt.Sprintf(rule, port, "tcp")
	case system == "linux" && installed("firewall-cmd"):
		first = "sudo firewall-cmd --permanent --add-service=mdns"
		second = fmt.Sprintf("sudo firewall-cmd --permanent --add-port=%d/tcp && sudo firewall-cmd --reload", port)
		if port == 0 {
			first += " && sudo firewall-cmd --reload"
		}
	}
	if first == "" || port == 0 {
		return first
	}
	return first + " && " + second
}
