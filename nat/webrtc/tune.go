package webrtc

import (
	"net"
	"net/netip"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	pion "github.com/pion/webrtc/v4"
)

const (
	// How long a working pair of addresses is held back for a better one, by its worse end.
	// Own addresses and punched ones are taken at once: another pair is seldom so much
	// better that waiting for it pays. A relay works at once wherever it is near, and would
	// win every race; it waits for five rounds of checks (a round takes 200 ms). With four,
	// one call of 700 in the lab, on a computer with much else to do, ended on the relay
	// although its pair of NATs can be punched.
	acceptSeen    = 0
	acceptRelayed = time.Second
	// A link on which nothing comes is given up after both; route notices earlier. Something
	// is sent every keepAlive, well below the 30 s after which the worst NATs forget (RFC
	// 4787 asks for 120).
	silentTime = 5 * time.Second
	failedTime = 10 * time.Second
	keepAlive  = 2 * time.Second
	// serverTime is how long a server may take to tell what it sees; nobody waits for it.
	serverTime = 5 * time.Second
	// receiveBuffer bounds what one link may have on the road: 4 MiB are 670 Mbit/s at
	// 50 ms. Much more makes bursts that the sockets below drop.
	receiveBuffer = 4 << 20
)

// api is the library as links want it, over the given sockets or, if nil, its own. Patient
// is for a call by hand, whose other side may begin minutes later.
func (e *Endpoint) api(shared *sockets, patient bool) *pion.API {
	var s pion.SettingEngine
	if shared != nil {
		s.SetNet(shared)
	}
	s.LoggerFactory = quiet{}
	s.DetachDataChannels()
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetHostAcceptanceMinWait(0)
	s.SetSrflxAcceptanceMinWait(acceptSeen)
	s.SetPrflxAcceptanceMinWait(acceptSeen)
	s.SetRelayAcceptanceMinWait(acceptRelayed)
	s.SetICETimeouts(silentTime, failedTime, keepAlive)
	if patient {
		s.SetICETimeouts(silentTime, HandTime, keepAlive)
		s.SetICEMaxBindingRequests(handChecks)
	}
	s.SetSTUNGatherTimeout(serverTime)
	s.SetSCTPMaxReceiveBufferSize(receiveBuffer)
	s.EnableSCTPZeroChecksum(true) // DTLS below checks every packet better (RFC 9653)
	s.SetIncludeLoopbackCandidate(e.opts.Loopback)
	s.SetIPFilter(func(ip net.IP) bool {
		addr, ok := netip.AddrFromSlice(ip)
		return ok && e.usable(addr)
	})
	if through := e.opts.Through(); through != nil {
		s.SetICEProxyDialer(shieldOf(through, e.opts.Servers()))
	}
	return pion.NewAPI(pion.WithSettingEngine(s))
}

// quiet drops what the library logs: it takes much that happens every day for an error,
// and what matters to people is in the errors it returns.
type quiet struct{}

func (q quiet) NewLogger(string) logging.LeveledLogger { return q }
func (quiet) Trace(string)                             {}
func (quiet) Tracef(string, ...any)                    {}
func (quiet) Debug(string)                             {}
func (quiet) Debugf(string, ...any)                    {}
func (quiet) Info(string)                              {}
func (quiet) Infof(string, ...any)                     {}
func (quiet) Warn(string)                              {}
func (quiet) Warnf(string, ...any)                     {}
func (quiet) Error(string)                             {}
func (quiet) Errorf(string, ...any)                    {}
